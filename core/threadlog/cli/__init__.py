"""The `threadlog` command."""

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process and exit with its code."""
    import sys

    from threadlog.cli.app import run

    sys.exit(run(sys.argv[1:]))

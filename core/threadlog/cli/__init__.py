"""The `threadlog` command."""

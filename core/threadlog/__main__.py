"""``python -m threadlog`` is the `threadlog` command."""

from threadlog.cli import main

main()

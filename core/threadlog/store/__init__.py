"""The thread store: commands in, events out, for a principal."""

"""Agent runs in and out: import, export and replay."""

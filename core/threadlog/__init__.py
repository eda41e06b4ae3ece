"""threadlog: the event-sourced backend for AI-agent threads."""

"""The FastAPI application: threads over HTTP and server-sent events."""

"""The conformance kit for storage plugins."""

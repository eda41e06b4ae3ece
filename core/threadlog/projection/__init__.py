"""Folding events into state."""

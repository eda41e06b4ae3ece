"""Agents at work: context, response handler and the life of a run."""

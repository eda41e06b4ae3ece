"""Agents that ship with threadlog, and the way to one's own."""

from threadlog.agents.loading import AgentNotLoaded, load_agent

__all__ = ["AgentNotLoaded", "load_agent"]

"""The agents that ship with threadlog."""

"""An agent with a real model behind any endpoint that speaks OpenAI's chat completions, through the official client."""

from threadlog.agents.openai.agent import DEFAULT_INSTRUCTIONS, OpenAIAgent, make_agent

__all__ = ["DEFAULT_INSTRUCTIONS", "OpenAIAgent", "make_agent"]

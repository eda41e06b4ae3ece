"""Which agent answers, by the settings."""

from __future__ import annotations

from threadlog.agents.folder import make_agent as make_folder_agent
from threadlog.agents.loading import load_agent
from threadlog.cli.settings import AgentSettings
from threadlog.runs import Agent


def chosen_agent(settings: AgentSettings) -> Agent:
    """One's own agent if it is named, else a model if one is configured, else the one that knows its folder.

    Raises:
        ThreadlogError: the agent cannot be had; the message says why.
    """
    if settings.path is not None:
        return load_agent(settings.path)
    openai = settings.openai
    if openai.model is None:
        return make_folder_agent(settings.folder)
    # Only here: the client is an extra, and slow to import.
    from threadlog.agents.openai import make_agent

    key = None if openai.api_key is None else openai.api_key.get_secret_value()
    return make_agent(model=openai.model, base_url=openai.base_url, api_key=key, folder=settings.folder)

"""What the client raises, in words for the user and with the remedy for who runs the server."""

from __future__ import annotations

import openai

from threadlog.runs import AgentFailure


def as_failure(error: Exception, *, model: str, endpoint: str) -> AgentFailure | None:
    """An error of the client as the end of a run; None if it is no such error.

    The client's own message is not passed on: it may quote the request, or a key.
    """
    if isinstance(error, openai.APIStatusError):
        return _by_status(error, model, endpoint)
    if isinstance(error, openai.APITimeoutError):
        return AgentFailure(f"The model at {endpoint} did not answer in time; try again.", allow_retry=True)
    if isinstance(error, openai.APIConnectionError) or type(error).__module__.partition(".")[0] in ("httpx", "httpx2"):
        words = f"The connection to the model at {endpoint} failed or broke off; see that it is running, and try again."
        return AgentFailure(words, allow_retry=True)
    if isinstance(error, openai.APIError):
        return AgentFailure(f"The model at {endpoint} reported an error in its answer; try again.", allow_retry=True)
    return None


def _by_status(error: openai.APIStatusError, model: str, endpoint: str) -> AgentFailure:
    code = str(error.code or "")
    if isinstance(error, openai.AuthenticationError):
        return AgentFailure(f"The model at {endpoint} refuses the key; set agent.openai.api_key to a valid one.")
    if isinstance(error, openai.PermissionDeniedError):
        return AgentFailure(f"The key may not use model {model!r} at {endpoint}; use another key or model.")
    if isinstance(error, openai.NotFoundError):
        return AgentFailure(f"There is no model {model!r} at {endpoint}; set agent.openai.model or base_url.")
    if isinstance(error, openai.RateLimitError):
        quota = "The quota of the key is used up" if code == "insufficient_quota" else "The model is busy"
        return AgentFailure(f"{quota}; try again later.", allow_retry=True)
    if code == "context_length_exceeded":
        return AgentFailure("The conversation is too long for the model; start a new thread.")
    if error.status_code >= 500:
        return AgentFailure(f"The model at {endpoint} failed ({error.status_code}); try again.", allow_retry=True)
    return AgentFailure(
        f"The model at {endpoint} refused the request ({error.status_code}{f', {code}' if code else ''})."
    )

"""The agent: a model that may call tools over a folder, round by round."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from threadlog.agents.folder import FolderError, FolderTools, Root
from threadlog.agents.openai.history import Message, call_message, messages_of, tool_message
from threadlog.agents.openai.tools import ModelTools
from threadlog.model import ServerToolCallItem, UserMessageItem
from threadlog.model.errors import ThreadlogError
from threadlog.runs import AgentContext, AgentFailure, CompletionStream

try:
    import openai

    from threadlog.agents.openai.failures import as_failure
except ModuleNotFoundError as missing:  # pragma: no cover - depends on what is installed
    raise ThreadlogError("a model needs the official client; install threadlog[openai].") from missing

DEFAULT_INSTRUCTIONS = (
    "You answer questions about the files of one folder. Use the tools to list, read, search and count; do not guess "
    "what files hold. You cannot change anything. Be brief, and name the files you speak of."
)


class ModelBounds(Struct, frozen=True, kw_only=True):
    """What one answer of a model may take."""

    rounds: int = 8
    """Times that the model is asked; the last time it may not call tools."""
    calls: int = 16
    """Tool calls of one round; further ones are refused."""
    history_items: int = 200
    """Items of the thread that the model is told of."""
    history_characters: int = 200_000
    """… and their text."""
    timeout: float = 120.0
    """Seconds without a byte from the endpoint."""
    retries: int = 2
    """How often the client tries a request again that was refused for now, or not answered."""


class OpenAIAgent:
    """Answers with a model; see `make_agent`. Shows no key in any repr."""

    def __init__(
        self,
        *,
        model: str,
        base_url: str | None,
        api_key: str | None,
        tools: FolderTools | None,
        instructions: str,
        bounds: ModelBounds,
    ) -> None:
        self.__name__ = "openai"
        self._model, self._base_url, self._instructions, self._bounds = model, base_url, instructions, bounds
        # A local endpoint needs no key, and the client insists on one.
        self._key = api_key or os.environ.get("OPENAI_API_KEY") or ("none" if base_url else None)
        self._tools = None if tools is None else ModelTools(tools)
        self._tls = ssl.create_default_context()  # 50 ms, so not for each run
        if self._key is None:
            raise ThreadlogError("a model at OpenAI needs a key; set agent.openai.api_key or OPENAI_API_KEY.")

    def __repr__(self) -> str:
        return f"OpenAIAgent(model={self._model!r}, endpoint={self.endpoint!r})"

    @property
    def endpoint(self) -> str:
        """The endpoint's host, without what may be secret in its URL."""
        return urlsplit(self._base_url).hostname or "the endpoint" if self._base_url else "OpenAI"

    async def __call__(self, context: AgentContext[Any], message: UserMessageItem) -> None:
        """Answer the thread's last message."""
        items = await context.items(limit=self._bounds.history_items, order="desc")
        history = messages_of(items[::-1], characters=self._bounds.history_characters)
        messages: list[Message] = [{"role": "system", "content": self._instructions}, *history]
        model = message.inference_options.model or self._model
        try:
            async with self._client() as client:
                await self._converse(context, client, model, messages)
        except Exception as error:
            failure = as_failure(error, model=model, endpoint=self.endpoint)
            if failure is None:
                raise
            raise failure from error

    def _client(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._key,
            timeout=self._bounds.timeout,
            max_retries=self._bounds.retries,
            http_client=openai.DefaultAsyncHttpxClient(verify=self._tls),
        )

    async def _converse(
        self, context: AgentContext[Any], client: openai.AsyncOpenAI, model: str, messages: list[Message]
    ) -> None:
        for turn in range(1, self._bounds.rounds + 1):
            may_call = self._tools is not None and turn < self._bounds.rounds
            answer = await self._ask(context, client, model, messages, may_call=may_call)
            if not answer.tool_calls:
                await self._note_end(context, answer)
                return
            messages.append(call_message(answer.tool_calls, answer.text))
            messages += await self._run_tools(context, answer.tool_calls)
        raise AgentFailure(
            f"The model kept calling tools; {self._bounds.rounds} rounds are the most.", allow_retry=True
        )

    async def _ask(
        self,
        context: AgentContext[Any],
        client: openai.AsyncOpenAI,
        model: str,
        messages: Sequence[Message],
        *,
        may_call: bool,
    ) -> CompletionStream:
        answer = CompletionStream(context)
        tools: Any = self._tools.specs() if may_call and self._tools is not None else openai.NOT_GIVEN
        asked: Any = list(messages)
        stream = await client.chat.completions.create(
            model=model, messages=asked, tools=tools, stream=True, stream_options={"include_usage": True}
        )
        async with stream:
            async for chunk in stream:
                await answer.feed(chunk)
        await answer.close()
        if answer.finish_reason is None:
            raise AgentFailure(f"The answer of the model at {self.endpoint} broke off; try again.", allow_retry=True)
        return answer

    async def _run_tools(self, context: AgentContext[Any], calls: Sequence[ServerToolCallItem]) -> list[Message]:
        results = []
        for at, call in enumerate(calls):
            output, error = None, None
            try:
                if at >= self._bounds.calls:
                    raise FolderError(f"{self._bounds.calls} calls at once are the most; call again.")
                assert self._tools is not None
                output = await self._tools.call(call.name, call.arguments)
            except FolderError as problem:
                error = str(problem)
            await context.end_tool_call(call, output, error=error)
            results.append(tool_message(call, output, error))
        return results

    async def _note_end(self, context: AgentContext[Any], answer: CompletionStream) -> None:
        if answer.finish_reason == "length":
            await context.notice("The answer was cut short: it reached the model's limit.", "warning")
        elif answer.finish_reason == "content_filter":
            await context.notice("The answer was cut short by the endpoint's content filter.", "warning")
        elif not answer.text:
            await context.say("(The model gave no answer.)")


def make_agent(
    *,
    model: str,
    base_url: str | None = None,
    api_key: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    instructions: str = DEFAULT_INSTRUCTIONS,
    bounds: ModelBounds | None = None,
) -> OpenAIAgent:
    """An agent that answers with a model, which may use the tools of `threadlog.agents.folder`.

    Args:
        model: the model's name; a message's own `inference_options.model` goes before it.
        base_url: address of the endpoint, such as ``http://localhost:11434/v1``; None for OpenAI's own.
        api_key: the key; None takes `OPENAI_API_KEY` from the environment. It is in no log, repr or error.
        folder: the folder that the tools may read; None gives the model no tools.
        instructions: the system message.
        bounds: what one answer may take.

    Raises:
        ThreadlogError: no key is given for OpenAI's own endpoint.
        NotReadable: there is no such folder, or it may not be read.
    """
    return OpenAIAgent(
        model=model,
        base_url=base_url,
        api_key=api_key,
        tools=None if folder is None else FolderTools(Root(folder)),
        instructions=instructions,
        bounds=bounds or ModelBounds(),
    )

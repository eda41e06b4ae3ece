"""Tool calls as chat messages write them: functions, custom tools, and the single call of old."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

from threadlog.exchange.plain import Json, clean, tidy

Form: TypeAlias = Literal["function", "custom", "function_call", "none"]
"""How a call is written; ``none`` where there is only a result."""


class Call(NamedTuple):
    """One call of a message."""

    form: Form
    value: Json
    """The call as it was written; anything may stand there."""

    @property
    def call_id(self) -> str:
        """The model's name for the call; empty where it gave none."""
        return text_of(object_of(self.value).get("id"))

    @property
    def name(self) -> str:
        """The tool's name; empty where there is none."""
        return text_of(self._called.get("name"))

    @property
    def arguments(self) -> dict[str, Any] | str:
        """The arguments: the text that the model wrote, or an object where it stands in the message as one."""
        found = self._called.get("input" if self.form == "custom" else "arguments")
        return tidy(found) if isinstance(found, dict) else text_of(found)

    @property
    def _called(self) -> dict[str, Any]:
        value = object_of(self.value)
        return value if self.form == "function_call" else object_of(value.get(self.form))


def calls_of(message: dict[str, Any]) -> list[Call]:
    """The calls of an assistant's message, in order."""
    found = message.get("tool_calls")
    calls = [Call(_form(value), value) for value in found] if isinstance(found, list) else []
    single = message.get("function_call")
    return [*calls, Call("function_call", single)] if isinstance(single, dict) else calls


def without_calls(message: dict[str, Any]) -> dict[str, Any]:
    """The message without what `calls_of` finds in it."""
    rest = dict(message)
    if isinstance(rest.get("function_call"), dict):
        del rest["function_call"]
    if rest.get("tool_calls") and isinstance(rest["tool_calls"], list):  # an empty list stays: it is no call
        del rest["tool_calls"]
    return rest


def object_of(value: Json) -> dict[str, Any]:
    """The value if it is an object, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(value: Json) -> str:
    """The value if it is a text, fit for UTF-8; otherwise an empty one."""
    return clean(value) if isinstance(value, str) else ""


def _form(value: Json) -> Form:
    return "custom" if isinstance(object_of(value).get("custom"), dict) else "function"

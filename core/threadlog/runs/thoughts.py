"""A model's reasoning while it streams: thoughts in a workflow."""

from __future__ import annotations

from typing import Any

from threadlog.model import ThoughtTask, Workflow
from threadlog.runs.context import AgentContext

_STEP = 400
"""Characters by which a thought grows before it is streamed again: an update carries the whole thought."""


class Thoughts:
    """Writes thoughts as tasks of a reasoning workflow, which is begun with the first one."""

    def __init__(self, context: AgentContext[Any]) -> None:
        self._context = context
        self._text = ""
        self._shown = 0
        self._index: int | None = None

    async def add(self, text: str) -> None:
        """Add to the current thought."""
        self._text += text
        if self._text and (self._index is None or len(self._text) - self._shown >= _STEP):
            await self._show()

    async def finish(self, text: str | None = None) -> None:
        """End the current thought; `text` is the whole of it, where the model gives it once more."""
        self._text = self._text if text is None else text
        if self._text and (self._index is None or len(self._text) != self._shown):
            await self._show()
        self._text, self._shown, self._index = "", 0, None

    async def _show(self) -> None:
        if self._context.workflow_item is None:
            self._index = None
            await self._context.start_workflow(Workflow(type="reasoning", tasks=[]))
        self._shown = len(self._text)
        task = ThoughtTask(content=self._text)
        if self._index is None:
            self._index = await self._context.add_workflow_task(task)
        else:
            await self._context.update_workflow_task(task, self._index)

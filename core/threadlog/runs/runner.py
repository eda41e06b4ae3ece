"""Runs agents in threads, on the server's time and not the viewers'."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from msgspec import Struct
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from threadlog.log import Capability, Cursor, LogError
from threadlog.model import (
    ActiveStatus,
    InferenceOptions,
    RunCancelRequested,
    RunStarted,
    ThreadEvent,
    ThreadItemDoneEvent,
    UserMessageInput,
    UserMessageItem,
    UserMessageTextContent,
    derived_id,
    new_id,
)
from threadlog.projection import RunState, ThreadState
from threadlog.runs.active import ActiveRun, Agent, Fenced
from threadlog.runs.bounds import RunBounds
from threadlog.runs.context import AgentContext
from threadlog.runs.ending import Cancelled, Ending, Interrupted, final_events
from threadlog.runs.errors import RunActive, RunnerClosed, RunnerError, RunNotFound, ThreadNotActive, TooManyRuns
from threadlog.runs.fence import Fence, persist
from threadlog.runs.journal import OpenRun, RunJournal
from threadlog.runs.tracing import RunTelemetry
from threadlog.store import ADMIN, AppendIdReused, Principal, StoreError, ThreadDeleted, ThreadNotFound, ThreadStore

_log = logging.getLogger("threadlog.runs")


class StartedRun(Struct, frozen=True, kw_only=True):
    """A run that has begun."""

    run_id: str
    thread_id: str
    item: UserMessageItem
    """The user's message as it is stored."""
    cursor: Cursor
    """Where the run begins: what it does comes after."""


class Runner:
    """Answers messages with an agent.

    A run is a task of this object: it goes on when viewers leave, and it ends as one of completed, failed (an error
    of the agent, or its deadline), cancelled (by somebody) and interrupted (this process stopped or died). What the
    agent had said is kept in all of them. A thread has at most one active run.

    ``async with`` records the end of runs that a crash left open, and on leaving interrupts those that are active.

    Args:
        store: the thread store; stays open.
        agent: who answers.
        name: how events call the agent; by default its own name.
        bounds: how much it may take.
        tracer_provider: where the spans of runs go; None: the process's.
        meter_provider: where their metrics go; None: the process's.
    """

    def __init__(
        self,
        store: ThreadStore,
        agent: Agent,
        *,
        name: str | None = None,
        bounds: RunBounds | None = None,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._store, self._agent = store, agent
        self.name = name or getattr(agent, "__name__", type(agent).__name__).strip("<>")
        self._bounds = bounds or RunBounds()
        self._telemetry = RunTelemetry(self.name, tracer_provider, meter_provider)
        self._journal = RunJournal(store.log, store.committer)
        self._active: dict[str, ActiveRun] = {}
        self._beginning: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._starting = 0
        self._open = False

    async def __aenter__(self) -> Self:
        self._open = True
        if not self._store.log.info.read_only:
            await self.recover()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Interrupt all runs and record it; takes at most the bounds' `grace` and `drain` together."""
        self._open = False
        for run in self._active.values():
            run.stop(Interrupted("shutdown"))
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._bounds.grace + self._bounds.drain
        while self._tasks and loop.time() < ends:
            await asyncio.wait(self._tasks, timeout=ends - loop.time())
        late = list(self._tasks)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def is_active(self, run_id: str) -> bool:
        """Whether the run is at work in this process."""
        return run_id in self._active

    async def wait(self, run_id: str) -> None:
        """Wait until a run of this process is over and recorded; returns at once for any other."""
        if run := self._active.get(run_id):
            await run.over.wait()

    async def start(
        self,
        principal: Principal,
        thread_id: str,
        message: UserMessageInput | str,
        *,
        append_id: str | None = None,
        request_context: Any = None,
    ) -> StartedRun:
        """Store a user's message and begin to answer it, both or neither.

        Args:
            append_id: names this message, so that sending it again gives the run that it started the first time.
            request_context: given to the agent as it is.

        Raises:
            RunActive: the thread's agent is still at work.
            ThreadNotActive: the thread is locked or closed.
            TooManyRuns: this runner has as many runs as it may.
            RunnerClosed: this runner is not open, or is stopping.
            StoreError, LogError: as `ThreadStore.append`.
        """
        if not self._open:
            raise RunnerClosed("this server is stopping and starts no runs; send the message again in a moment.")
        if len(self._active) + self._starting >= self._bounds.runs:
            raise TooManyRuns(f"{self._bounds.runs} runs are active, which is the limit; send the message again later.")
        self._starting += 1
        starting = asyncio.create_task(self._start(principal, thread_id, message, append_id, request_context))
        self._keep(starting)
        starting.add_done_callback(self._started)
        # A caller that goes away between the message's storing and the run's beginning must not leave one without the
        # other.
        return await asyncio.shield(starting)

    async def cancel(
        self, principal: Principal, thread_id: str, run_id: str | None = None, *, reason: str | None = None
    ) -> RunState:
        """Stop a run, and wait until its end is recorded. A run that is over stays as it is.

        Args:
            run_id: which; None means the active one.
            reason: recorded with the request.

        Raises:
            RunNotFound: the thread has no such run, or none that is active.
            StoreError, LogError: as `ThreadStore.append`.
        """
        chosen = _chosen(await self._store.state(principal, thread_id), run_id)
        if beginning := self._beginning.get(chosen):
            await beginning.wait()
        run = self._active.get(chosen)
        if run is not None:
            run.requester = principal.actor
        await self._store.decide(principal, thread_id, lambda state: _request(state, chosen, reason))
        if run is not None:
            run.stop(Cancelled(principal.actor))
            await run.over.wait()
        elif self._is_alone:
            await self._record(self._acting(principal), thread_id, chosen, Cancelled(principal.actor))
        return (await self._store.state(principal, thread_id)).runs[chosen]

    async def recover(self) -> int:
        """Record the interruption of runs that a crash left open; what they had said is kept.

        Where other processes may write to the log, only runs whose deadline has passed are known to be dead.

        Returns:
            How many there were.
        """
        now = _microseconds(datetime.now(UTC))
        found = 0
        for run in await self._journal.open_runs():
            if self._is_ours(run.run_id) or not (self._is_alone or run.until_us < now):
                continue
            try:
                found += await self._recover(run)
            except (StoreError, LogError) as error:
                _log.error("the end of %s cannot be recorded: %s", run.run_id, error)
        return found

    async def _recover(self, run: OpenRun) -> bool:
        principal = Principal(run.tenant, run.user, frozenset({"admin"}), agent=run.agent)
        ended = await self._record(principal, run.thread_id, run.run_id, Interrupted("crash"))
        await self._journal.closed(run.run_id)
        return ended

    def _is_ours(self, run_id: str) -> bool:
        """Whether this process works on the run, or is about to: its start is stored before its agent begins."""
        return run_id in self._active or run_id in self._beginning

    @property
    def _is_alone(self) -> bool:
        return Capability.OTHER_WRITERS not in self._store.log.info.capabilities

    def _acting(self, principal: Principal) -> Principal:
        return replace(principal, agent=self.name)

    def _started(self, task: asyncio.Task[StartedRun]) -> None:
        self._starting -= 1
        if not task.cancelled():
            task.exception()

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(
        self,
        principal: Principal,
        thread_id: str,
        message: UserMessageInput | str,
        append_id: str | None,
        request_context: Any,
    ) -> StartedRun:
        append_id = append_id or new_id("append")
        run_id = derived_id("run", principal.tenant, thread_id, append_id)
        item = await self._item(principal, thread_id, message, append_id)
        state = await self._store.state(principal, thread_id)
        if run_id not in state.runs:
            await self._bury(principal, state)
            begun = self._beginning.setdefault(run_id, asyncio.Event())
            try:
                state = await self._begin(principal, thread_id, item, run_id, append_id, request_context)
            finally:
                self._beginning.pop(run_id, None)
                begun.set()
        started = _as_started(state, run_id)
        if not _is_same(item, started.item):
            before = Cursor(state.runs[run_id].started_seq - 2)
            raise AppendIdReused(append_id, (await self._store.read_events(principal, thread_id, after=before)).events)
        return started

    async def _begin(
        self,
        principal: Principal,
        thread_id: str,
        item: UserMessageItem,
        run_id: str,
        append_id: str,
        request_context: Any,
    ) -> ThreadState:
        def decide(state: ThreadState) -> Sequence[ThreadEvent]:
            if run_id in state.runs:
                return ()
            _check_free(state)
            started = RunStarted(run_id=run_id, agent=self.name, input_item_id=item.id)
            return ThreadItemDoneEvent(item=item), started

        await self._journal.opened(self._entry(principal, thread_id, run_id))
        try:
            decision = await persist(
                lambda: self._store.decide(principal, thread_id, decide, append_id=append_id, run_id=run_id),
                self._bounds.retries,
            )
        except AppendIdReused:
            # Sent twice at once: the other one was first, and made its message a moment earlier.
            state = await self._store.state(principal, thread_id)
            if run_id not in state.runs:
                raise
            return state
        except (StoreError, RunnerError):
            await self._journal.closed(run_id)
            raise
        if decision.events:
            self._launch(principal, decision.state, item, run_id, request_context, expected=decision.events[-1].seq)
        return decision.state

    def _launch(
        self,
        principal: Principal,
        state: ThreadState,
        item: UserMessageItem,
        run_id: str,
        request_context: Any,
        *,
        expected: int,
    ) -> None:
        acting = self._acting(principal)
        stopping = asyncio.Event()
        fence = Fence(
            self._store, acting, state.thread_id, run_id, expected=expected, retries=self._bounds.retries,
            on_catch_up=lambda now: self._notice(now, run_id),
        )  # fmt: skip
        output = self._telemetry.output(
            state.thread_id, fence, self._store.dump, self._bounds, self._store.log.info.limits
        )
        assert state.metadata is not None
        context = AgentContext(
            thread=state.metadata, store=self._store, principal=acting, request_context=request_context, run_id=run_id,
            output=output, stopping=stopping,
        )  # fmt: skip
        run = self._active[run_id] = ActiveRun(self._agent, context, item, output, stopping, self._bounds)
        if not self._open:
            run.stop(Interrupted("shutdown"))
        self._keep(asyncio.create_task(self._supervise(run, acting, state.thread_id, run_id)))

    async def _supervise(self, run: ActiveRun, principal: Principal, thread_id: str, run_id: str) -> None:
        try:
            with self._telemetry.measured(thread_id, run_id) as note:
                ending = await run.execute()
                note(ending)
                if not isinstance(ending, Fenced):
                    await self._record(principal, thread_id, run_id, ending)
            await self._journal.closed(run_id)
        except Exception:  # noqa: BLE001 - a task has nobody above it who would hear of it
            _log.exception("the end of %s cannot be recorded; it will be when a server starts again", run_id)
        finally:
            del self._active[run_id]
            run.over.set()

    def _notice(self, state: ThreadState, run_id: str) -> None:
        """Obey a request to cancel that another process wrote."""
        run = self._active.get(run_id)
        if run is not None and state.runs[run_id].cancel_requested:
            run.stop(Cancelled(run.requester or "request"))

    async def _bury(self, principal: Principal, state: ThreadState) -> None:
        """End a run that no process is working on any more, so that it does not block its thread."""
        run = state.active_run
        if run is not None and self._is_alone and not self._is_ours(run.id):
            await self._record(self._acting(principal), state.thread_id, run.id, Interrupted("crash"))

    async def _record(self, principal: Principal, thread_id: str, run_id: str, ending: Ending) -> bool:
        """Write the run's end, unless it has one; says whether it had none."""
        moment = datetime.now(UTC)
        append_id = new_id("append")

        def decide(state: ThreadState) -> Sequence[ThreadEvent]:
            is_open = state.active_run is not None and state.active_run.id == run_id
            return final_events(state, run_id, ending, moment) if is_open else ()

        # Whoever may do less than write now (a lost grant) could begin the run, and its end is still owed.
        recorder = replace(principal, roles=principal.roles | {ADMIN})
        try:
            decision = await persist(
                lambda: self._store.decide(recorder, thread_id, decide, append_id=append_id, run_id=run_id),
                self._bounds.retries,
            )
        except (ThreadNotFound, ThreadDeleted):
            return False
        return bool(decision.events)

    async def _item(
        self, principal: Principal, thread_id: str, message: UserMessageInput | str, append_id: str
    ) -> UserMessageItem:
        if isinstance(message, str):
            content = UserMessageTextContent(text=message)
            message = UserMessageInput(content=[content], attachments=[], inference_options=InferenceOptions())
        attachments = [await self._store.load_attachment(principal, name) for name in message.attachments]
        item = UserMessageItem(
            id=derived_id("message", principal.tenant, thread_id, append_id),
            thread_id=thread_id,
            created_at=datetime.now(UTC),
            content=message.content,
            attachments=attachments,
            inference_options=message.inference_options,
        )
        if message.quoted_text is not None:
            item.quoted_text = message.quoted_text
        return item

    def _entry(self, principal: Principal, thread_id: str, run_id: str) -> OpenRun:
        longest = self._bounds.deadline + self._bounds.grace + self._bounds.drain
        until = _microseconds(datetime.now(UTC) + timedelta(seconds=longest))
        return OpenRun(
            tenant=principal.tenant, thread_id=thread_id, run_id=run_id, user=principal.user, agent=self.name,
            until_us=until,
        )  # fmt: skip


def _check_free(state: ThreadState) -> None:
    if state.active_run is not None:
        raise RunActive(state.active_run.id)
    status = state.metadata.status if state.metadata is not None else None
    if status is not None and not isinstance(status, ActiveStatus):
        raise ThreadNotActive(status.type, status.reason)


def _is_same(item: UserMessageItem, stored: UserMessageItem) -> bool:
    """Whether a message is the one that is stored, sent again."""
    return item.model_copy(update={"created_at": stored.created_at}) == stored


def _chosen(state: ThreadState, run_id: str | None) -> str:
    if run_id is not None and run_id in state.runs:
        return run_id
    if run_id is not None:
        raise RunNotFound(f"thread {state.thread_id!r} has no run {run_id[:80]!r}; its state lists its runs.")
    if state.active_run is None:
        raise RunNotFound(f"thread {state.thread_id!r} has no active run; there is nothing to cancel.")
    return state.active_run.id


def _request(state: ThreadState, run_id: str, reason: str | None) -> Sequence[ThreadEvent]:
    run = state.runs[run_id]
    if not run.active or run.cancel_requested:
        return ()
    return (RunCancelRequested(run_id=run_id) if reason is None else RunCancelRequested(run_id=run_id, reason=reason),)


def _as_started(state: ThreadState, run_id: str) -> StartedRun:
    run = state.runs[run_id]
    item = state.item(run.input_item_id or "")
    if not isinstance(item, UserMessageItem):
        raise RunNotFound(f"the message that started {run_id} was taken out of the thread; send it under a new id.")
    cursor = state.cursor if state.seq == run.started_seq else Cursor(run.started_seq)
    return StartedRun(run_id=run_id, thread_id=state.thread_id, item=item, cursor=cursor)


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)

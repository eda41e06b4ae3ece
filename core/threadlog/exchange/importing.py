"""Importing agent runs: one thread a run, every message, tool call and tool result an event.

An import finds its way by comparing: what the thread exports is what it holds of the run. So importing again changes
nothing, an import that was cut off goes on, a run that has grown gets its tail, and one whose past differs is left
alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from threadlog.exchange.comparing import differing_keys, first_difference, is_longer
from threadlog.exchange.exporting import export_run
from threadlog.exchange.metadata import KEYS, item_id, metadata_for
from threadlog.exchange.notes import FIELD
from threadlog.exchange.plain import Json, clean
from threadlog.exchange.reading import Reader, Step
from threadlog.exchange.run import InvalidRun, Run, read_run
from threadlog.log import Appended, Limits, NewEvent
from threadlog.model import derived_id
from threadlog.projection import ThreadState
from threadlog.store import Principal, StoreConflict, ThreadDeleted, ThreadStore

_ATTEMPTS = 5
_APPEND_EVENTS = 500
_TITLE_LETTERS = 200


Status: TypeAlias = Literal["imported", "unchanged", "grown", "differs", "invalid"]
"""What became of a run: ``grown`` also where an import that was cut off was finished; ``differs`` and ``invalid``
wrote nothing."""


class ImportOutcome(Struct, frozen=True, kw_only=True):
    """What became of a run."""

    status: Status
    thread_id: str | None
    """The run's thread; None where it is no run."""
    events: int
    """How many events were appended."""
    message: str | None
    """One sentence for people, where there is something to say."""


def thread_id_of(principal: Principal, run: Run) -> str:
    """The id of the thread that a run becomes: always the same for a tenant, a user and a run's id."""
    return derived_id("thread", principal.tenant, principal.user, run.key)


async def import_run(store: ThreadStore, principal: Principal, run: bytes | str | Mapping[str, Any]) -> ImportOutcome:
    """Import one run as a thread of the principal's user; doing it again finishes it, or changes nothing.

    Args:
        store: where to.
        principal: who imports; becomes the thread's owner.
        run: a line of a file, or the object in it: `messages`, an `id`, and further fields, which are kept. A run
            without an id is known by its content.

    Raises:
        AccessDenied: the principal may not make threads.
        LogError: the log cannot append now (see `ThreadStore.append`); import again to go on.
        StoreConflict: somebody else keeps writing to the thread.
    """
    try:
        read = read_run(run)
    except InvalidRun as error:
        return ImportOutcome(status="invalid", thread_id=None, events=0, message=str(error))
    return await _Import(store, principal, read).finish()


class _Import:
    """One run on its way into its thread."""

    def __init__(self, store: ThreadStore, principal: Principal, run: Run) -> None:
        self._store, self._principal, self._run = store, principal, run
        # Hidden context is compared too, and only agents and auditors see it.
        self._looker = principal if principal.audits else replace(principal, agent="import")
        self._thread_id = thread_id_of(principal, run)
        self._appended = 0

    async def finish(self) -> ImportOutcome:
        """Bring the thread to where the run is."""
        try:
            with suppress(StoreConflict):  # the thread is there
                return await self._begin()
            for _ in range(_ATTEMPTS):
                with suppress(StoreConflict):  # another importer was first: look again where the thread is
                    return await self._go_on()
            return await self._go_on()
        except ThreadDeleted:
            return self._outcome("differs", f"the thread of run {self._run.name!r} was deleted, and stays so.")

    async def _begin(self) -> ImportOutcome:
        created_at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        metadata, content = metadata_for(self._run.fields, self._thread_id)
        title = clean(self._run.name).replace("\0", "")[:_TITLE_LETTERS]
        thread = {"id": self._thread_id, "title": title, "created_at": created_at, "metadata": metadata}
        created = _event("thread.created", thread={**thread, "status": {"type": "active"}, "items": {"data": []}})
        fields = [] if content is None else [self._fields_event(content, created_at)]
        steps = Reader(self._thread_id, created_at).steps(self._run.messages)
        return await self._append("imported", 0, [created, *fields], steps)

    async def _go_on(self) -> ImportOutcome:
        state = await self._store.state(self._looker, self._thread_id)
        stored = export_run(state)
        messages = stored.pop("messages")
        grown = is_longer(self._run.messages, messages)
        other = differing_keys(stored, self._run.fields)
        place = first_difference(messages, self._run.messages)
        if place is not None or (other and not grown):
            what = f"message {place + 1}" if place is not None else ", ".join(map(repr, other))
            message = f"run {self._run.name!r} differs from its thread in {what}; the thread was left alone."
            return self._outcome("differs", message)
        if not grown:
            more = len(messages) - len(self._run.messages)
            return self._outcome("unchanged", f"the thread has {more} messages more." if more else None)
        return await self._append(
            "grown", state.seq, self._new_fields(state) if other else [], self._rest(state, messages)
        )

    def _rest(self, state: ThreadState, messages: Sequence[Json]) -> Iterator[Step]:
        """The steps that follow on the messages that are stored, the last of which may miss some of its calls."""
        have, last = set(state.item_ids), len(messages) - 1
        for step in Reader(self._thread_id, _dumped(state)["created_at"]).steps(self._run.messages):
            if step.message > last or (step.message == last and step.item["id"] not in have):
                yield step

    def _new_fields(self, state: ThreadState) -> list[NewEvent]:
        """What tells of the fields that the run has now."""
        thread = _dumped(state)
        metadata, content = metadata_for(self._run.fields, self._thread_id)
        thread["metadata"] = {key: value for key, value in thread["metadata"].items() if key not in KEYS} | metadata
        updated = _event("thread.updated", thread={**thread, "items": {"data": []}})
        return [updated] if content is None else [updated, self._fields_event(content, thread["created_at"])]

    def _fields_event(self, content: dict[str, Any], created_at: str) -> NewEvent:
        item = {"id": item_id(self._thread_id), "thread_id": self._thread_id, "created_at": created_at}
        return _event("thread.item.done", item={**item, "type": "hidden_context_item", "content": content})

    async def _append(
        self, status: Status, expected: int, first: Sequence[NewEvent], steps: Iterable[Step]
    ) -> ImportOutcome:
        """Append in bounded pieces, each of which leaves the thread in a state from which an import can go on."""
        limits = self._store.log.info.limits
        events = [*first, *(_event(step.type, item=step.item) for step in steps)]
        large = max(events, key=lambda event: len(event.data))
        if len(large.data) > limits.event_bytes:
            return self._outcome("invalid", _too_large(large, limits))
        for piece in pieces(events, limits):
            outcome = await self._store.append(
                self._principal, self._thread_id, piece, expected=expected, append_id=_append_id(expected, piece)
            )
            expected = outcome.next_expected
            self._appended += len(piece) if isinstance(outcome, Appended) else 0  # another importer's are its own
        return self._outcome(status, self._run.remark)

    def _outcome(self, status: Status, message: str | None) -> ImportOutcome:
        return ImportOutcome(status=status, thread_id=self._thread_id, events=self._appended, message=message)


def pieces(events: Sequence[NewEvent], limits: Limits) -> Iterator[list[NewEvent]]:
    """The events in pieces, each within the limits of one append."""
    most = min(_APPEND_EVENTS, limits.append_events)
    piece: list[NewEvent] = []
    size = 0
    for event in events:
        if piece and (len(piece) == most or size + len(event.data) > limits.append_bytes):
            yield piece
            piece, size = [], 0
        piece.append(event)
        size += len(event.data)
    if piece:
        yield piece


def _dumped(state: ThreadState) -> dict[str, Any]:
    assert state.metadata is not None  # the store gives no state of a thread that was not created
    return state.metadata.model_dump(mode="json")


def _event(event_type: str, **payload: Any) -> NewEvent:
    return NewEvent(event_type, msgspec.json.encode({"type": event_type, **payload}))


def _append_id(expected: int, events: Sequence[NewEvent]) -> str:
    """The same for the same piece at the same place, so that an answer that was lost is found again."""
    digest = hashlib.sha256()
    for event in events:
        digest.update(event.data)
    return f"import-{expected}-{digest.hexdigest()[:32]}"


def _too_large(event: NewEvent, limits: Limits) -> str:
    item = msgspec.json.decode(event.data).get("item", {})
    place = f"message {item[FIELD]['index'] + 1}" if FIELD in item else "what it holds besides its messages"
    return f"{place} takes {len(event.data)} bytes, and the log takes {limits.event_bytes} an event: shorten it."

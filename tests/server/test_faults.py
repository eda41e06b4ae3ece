"""A log that cannot append: writing is refused with the reason, reading goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from threadlog.log import (
    Append,
    LogBusy,
    LogCorrupt,
    LogReadOnly,
    LogStatus,
    LogStopped,
    MemoryLog,
    Outcome,
    OutcomeUnknown,
    StorageFull,
)

pytestmark = pytest.mark.anyio

STOPPED = LogStopped("the disk failed at fsync; replace it and start again.")
FULL = StorageFull("no room is left on /var; free some, and writing goes on.")


class Faulty(MemoryLog):
    """A memory log whose appends and reads fail as they are told to."""

    append_fault: Exception | None = None
    read_fault: Exception | None = None

    async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
        """Fail, or append."""
        if self.append_fault is not None:
            raise self.append_fault
        return await super().append(shard, appends)

    async def read_thread(self, *args: Any, **kwargs: Any) -> Any:
        """Fail, or read."""
        if self.read_fault is not None:
            raise self.read_fault
        return await super().read_thread(*args, **kwargs)

    async def status(self) -> LogStatus:
        """Tell of the fault."""
        fault = self.append_fault
        return LogStatus(True) if fault is None else LogStatus(False, str(fault))


@pytest.mark.parametrize(("fault", "kind"), [(STOPPED, "log-stopped"), (FULL, "storage-full")])
async def test_writing_is_refused_with_the_reason_and_reading_goes_on(start: Any, fault: Any, kind: str) -> None:
    """Every route that writes says why it cannot, `/readyz` says so too, and all that reads still answers."""
    log = Faulty()
    async with start(log) as threads:
        thread_id = await threads.create(title="Before")
        await threads.answered(thread_id)
        log.append_fault = fault
        path = f"/v1/threads/{thread_id}"
        run = {"id": "r", "messages": []}
        for response in (
            await threads.client.post("/v1/threads", json={}),
            await threads.client.patch(path, json={"title": "After"}),
            await threads.client.delete(path),
            await threads.client.post(f"{path}/messages", json={"text": "Hello?"}),
            await threads.client.post("/v1/imports", json=run),
        ):
            assert response.status_code == 503, response.request.url
            assert response.json()["type"] == f"urn:threadlog:problem:{kind}"
            assert response.json()["detail"] == fault.reason
        ready = await threads.client.get("/readyz")
        assert (ready.status_code, ready.json()["detail"]) == (503, fault.reason)
        assert (await threads.client.get("/livez")).status_code == 200
        assert (await threads.client.get(path)).json()["title"] == "Before"
        for reading in ("/items", "/state", "/events", "/replay?speed=1000"):
            assert (await threads.client.get(path + reading)).status_code == 200
        frames = [frame async for frame in threads.frames(f"{path}/events?until=run-end")]
        assert frames[-1].data["reason"] == "completed"
        log.append_fault = None
        assert (await threads.client.get("/readyz")).json()["status"] == "ready"
        assert (await threads.client.patch(path, json={"title": "After"})).status_code == 200


@pytest.mark.parametrize(
    ("fault", "kind", "waits"),
    [
        (LogBusy("the queue is full; try again later."), "log-busy", True),
        (OutcomeUnknown("the answer was lost; send it again."), "outcome-unknown", True),
        (LogReadOnly("this log was opened for reading."), "log-read-only", False),
    ],
)
async def test_what_may_help_is_said(start: Any, fault: Exception, kind: str, waits: bool) -> None:
    """Where trying again may help, the answer says when."""
    log = Faulty()
    async with start(log) as threads:
        log.append_fault = fault
        response = await threads.client.post("/v1/threads", json={})
        assert response.status_code == 503
        assert response.json()["type"] == f"urn:threadlog:problem:{kind}"
        assert ("retry-after" in response.headers) is waits


async def test_a_lost_answer_is_settled_by_sending_again(start: Any) -> None:
    """The append was stored and its answer lost: with the same key the same thread is given back, once."""

    class Lossy(MemoryLog):
        lose = False

        async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
            outcomes = await super().append(shard, appends)
            if self.lose:
                raise OutcomeUnknown("the connection broke before the answer; send it again.")
            return outcomes

    log = Lossy()
    async with start(log) as threads:
        log.lose = True
        send = {"json": {"title": "Once"}, "headers": {"idempotency-key": "k"}}
        lost = await threads.client.post("/v1/threads", **send)
        assert lost.json()["type"] == "urn:threadlog:problem:outcome-unknown"
        log.lose = False
        found = await threads.client.post("/v1/threads", **send)
        assert found.status_code == 201
        listed = (await threads.client.get("/v1/threads")).json()["data"]
        assert [thread["id"] for thread in listed] == [found.json()["id"]]


async def test_damage_is_told_without_its_place(start: Any) -> None:
    """File names and offsets are for the operator."""
    log = Faulty()
    async with start(log) as threads:
        thread_id = await threads.create()
        log.read_fault = LogCorrupt("00000001.seg bytes 8192-8511 are not what was written.", "00000001.seg")
        response = await threads.client.get(f"/v1/threads/{thread_id}/events")
        assert response.status_code == 503
        assert response.json()["type"] == "urn:threadlog:problem:log-corrupt"
        assert ".seg" not in response.text


async def test_a_fault_of_our_own_tells_nothing_of_the_inside(start: Any) -> None:
    """The client learns that the server failed; the trace is in the server's log."""
    log = Faulty()
    async with start(log) as threads:
        thread_id = await threads.create()
        log.read_fault = RuntimeError("password is hunter2")
        response = await threads.client.get(f"/v1/threads/{thread_id}/events")
        assert response.status_code == 500
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "hunter2" not in response.text
        assert "Traceback" not in response.text

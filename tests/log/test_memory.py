"""The reference implementation, where it is more than the contract; the conformance kit does the rest."""

from __future__ import annotations

import pytest

from threadlog.log import Append, Durability, HeadChange, Limits, MemoryLog, NewEvent

pytestmark = pytest.mark.anyio


def append(number: int, tenant: str = "acme") -> Append:
    """An append of one event under an id of its own."""
    return Append(
        tenant=tenant,
        thread_id=f"thr_{number}",
        append_id=f"apd_{number}",
        expected=0,
        events=(NewEvent("x", b"%d" % number, head=HeadChange(owner="alice")),),
    )


async def test_data_lives_in_the_object() -> None:
    """Closing and opening the same object finds everything; another object is another log."""
    log = MemoryLog()
    async with log:
        await log.append(0, [append(1)])
        name = log.info.log_id
    async with log:
        assert (await log.read_thread("acme", "thr_1")).last_seq == 1
        assert log.info.log_id == name
    async with MemoryLog() as other:
        assert other.info.log_id != name
        assert (await other.read_thread("acme", "thr_1")).last_seq == 0


async def test_it_claims_no_durability() -> None:
    """Who requires any is not given this log by mistake."""
    async with MemoryLog() as log:
        assert log.info.durability is Durability.MEMORY


async def test_times_come_from_the_clock_it_is_given() -> None:
    """Times may go back; positions and the order of threads do not."""
    times = iter([300, 100, 200])
    async with MemoryLog(clock=lambda: next(times)) as log:
        for number in (1, 2, 3):
            await log.append(0, [append(number)])
        page = await log.read_shard(0)
        assert [event.time_us for event in page.events] == [300, 100, 200]
        heads = (await log.list_heads("acme", newest_first=False)).heads
        assert [(head.thread_id, head.created_us) for head in heads] == [("thr_1", 300), ("thr_2", 100), ("thr_3", 200)]


async def test_limits_are_its_own() -> None:
    """A test may make pages small to see how its code reads on."""
    async with MemoryLog(limits=Limits(page_events=2)) as log:
        for number in range(3):
            await log.append(0, [append(number)])
        assert len((await log.read_shard(0)).events) == 2
        assert (await log.list_heads("acme")).has_more


@pytest.mark.parametrize("shards", [0, -1, 4097])
def test_the_number_of_shards_is_bounded(shards: int) -> None:
    """A log without shards, or with more than anybody needs, is a mistake."""
    with pytest.raises(ValueError, match="1 to 4096"):
        MemoryLog(shards)

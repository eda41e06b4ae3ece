"""Level isolation: every call, with another tenant's ids wherever an id fits (T1)."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from threadlog.log import EventLog, HeadChange, Snapshot
from threadlog.testing.clauses import clause
from threadlog.testing.lab import Lab
from threadlog.testing.samples import make, read, send, store, tenants_of

T = TypeVar("T")

CONFUSABLE = (
    ("a", "b/c"),
    ("a/b", "c"),
    ("a", "b:c"),
    ("a:b", "c"),
    ("a", "b\x80c"),
    ("a\x80b", "c"),
    ("ab", "c"),
    ("a", "bc"),
    ("a", "B"),
    ("A", "b"),
    ("a ", "b"),
    ("a", " b"),
    ("a%", "b"),
    ("a_", "b"),
    ("a.*", "b"),
    ("é", "b"),
    ("e\u0301", "b"),
)
"""Pairs of tenant and thread that are mixed up by keys without a safe separator and by loose comparison."""


LIKE_NAMES = (
    *(("acme", "ACME"), ("acme", "acme "), ("acme", " acme"), ("acme", "ac%"), ("acme", "acm_"), ("acme", "acm")),
    *(("\u00e9", "e\u0301"), ("fi", "\ufb01"), ("strasse", "straße"), ("ab", "a\u200bb"), ("日", "語"), ("日", "?")),
    *(("1", "01"), ("1", "1.0"), ("a-b", "a_b"), ("a-b", "a/b"), ("a.b", "a:b")),
    *(("x" * size + "a", "x" * size + "b") for size in (31, 63, 127, 199)),
)
"""A name, and another one that is the same to who folds, cuts, cleans or matches names."""

SEPARATORS = ("/", ":", "-", "_", ".", "|", "#", "@", " ", ",", ";", "+", "\x80", "\u2028", "::", "//", "")


class IsolationTests:
    """No call returns another tenant's data, whatever ids it is given."""

    @clause("T1")
    async def test_t1_threads_of_others_cannot_be_read(self, lab: Lab) -> None:
        """In the same shard or another, the thread of another tenant is one that there is not."""
        log, victim, strangers = await _two_houses(lab)
        for stranger in strangers:
            for backward in (False, True):
                answers = [await _answer(log.read_thread(stranger, it, backward=backward)) for it in ("secret", "none")]
                assert answers[0] == answers[1], f"{stranger} learns of a thread of {victim}"

    @clause("T1")
    async def test_t1_threads_of_the_same_name_are_different(self, lab: Lab) -> None:
        """Tenants use the same thread and append ids without noticing each other."""
        log, victim, strangers = await _two_houses(lab)
        for stranger in strangers:
            other, outcome = [
                (await send(log, make(7, tenant=stranger, thread=thread, append_id=thread, expected=0)))[0]
                for thread in ("other", "secret")
            ]
            assert type(outcome) is type(other), f"{stranger} is answered by what {victim} has: {outcome}"
            assert {event.tenant for event in await read(log, "secret", stranger)} <= {stranger}

    @clause("T1")
    async def test_t1_conflicts_tell_nothing_of_others(self, lab: Lab) -> None:
        """A conflict carries the seq of the tenant's own thread, 0 where it has none."""
        log, _, strangers = await _two_houses(lab)
        for stranger in strangers:
            (outcome,) = await send(log, make(7, tenant=stranger, thread="secret", expected=9))
            assert getattr(outcome, "current_seq", 0) != 2, "a conflict carries the seq of another tenant's thread"

    @clause("T1")
    async def test_t1_heads_of_others_are_not_listed(self, lab: Lab) -> None:
        """Not by owner, and not after the id of another tenant's thread."""
        log, victim, strangers = await _two_houses(lab)
        for stranger in strangers:
            await store(log, make(1, tenant=stranger, thread="own", head=HeadChange(owner="bob")))
            for newest_first in (False, True):
                heads = (await log.list_heads(stranger, newest_first=newest_first)).heads
                assert "secret" not in {head.thread_id for head in heads}, f"{stranger} is shown a thread of {victim}"
                after = [
                    await _answer(log.list_heads(stranger, after=thread, newest_first=newest_first))
                    for thread in ("secret", "unknown")
                ]
                assert after[0] == after[1], "another tenant's thread marks no place, as one that there is not"
            owned = (await log.list_heads(stranger, owner="alice")).heads
            assert "secret" not in {head.thread_id for head in owned}, "an owner's list holds another tenant's thread"

    @clause("T1")
    async def test_t1_a_tenants_part_of_a_shard_is_its_own(self, lab: Lab) -> None:
        """`read_shard` with a tenant gives nothing of its neighbours, in whatever shard it is asked."""
        log, _, strangers = await _two_houses(lab)
        for shard in range(log.info.shards):
            for stranger in strangers:
                assert (await log.read_shard(shard, tenant=stranger)).events == ()

    @clause("T1")
    async def test_t1_snapshots_of_others_are_not_found(self, lab: Lab) -> None:
        """A snapshot belongs to its tenant; another's under the same names is another."""
        log, victim, strangers = await _two_houses(lab)
        await log.save_snapshot(_snapshot(victim, 5))
        for stranger in strangers:
            await _check_own_snapshot(log, stranger)
            await log.save_snapshot(_snapshot(stranger, 1))
            await _check_own_snapshot(log, stranger)
        await _check_own_snapshot(log, victim)

    @clause("T1")
    async def test_t1_deleting_reaches_no_neighbour(self, lab: Lab) -> None:
        """A thread of the same name that another tenant deletes stays as it is."""
        log, victim, strangers = await _two_houses(lab)
        heads = await log.list_heads(victim)
        for stranger in strangers:
            await store(log, make(1, tenant=stranger, thread="secret", head=HeadChange(deleted=True)))
        assert await log.list_heads(victim) == heads
        await store(log, make(3, tenant=victim, thread="secret"))

    @clause("T1")
    async def test_t1_tenants_that_look_alike_are_different(self, lab: Lab) -> None:
        """Of two tenants whose names look alike to loose comparison, the one has nothing of what the other stored."""
        log = await lab.open()
        await _check_unknown(log, [((known, "thread"), (other, "thread")) for known, other in LIKE_NAMES])

    @clause("T1")
    async def test_t1_keys_of_tenant_and_thread_are_not_joined(self, lab: Lab) -> None:
        """Where a tenant ends and a thread begins makes a difference, whatever stands between."""
        log = await lab.open()
        await _check_unknown(log, [(("a", f"b{mark}c"), (f"a{mark}b", "c")) for mark in SEPARATORS])

    @clause("A8")
    async def test_a8_threads_that_look_alike_are_different(self, lab: Lab) -> None:
        """Of two threads of a tenant whose names look alike to loose comparison, only the one made is there."""
        log = await lab.open()
        pairs = [((f"t{n}", known), (f"t{n}", other)) for n, (known, other) in enumerate(LIKE_NAMES)]
        await _check_unknown(log, pairs)

    @clause("T1")
    async def test_t1_confusable_names_are_different(self, lab: Lab) -> None:
        """Tenant and thread are compared one by one and exactly: no two pairs are the same thread."""
        log = await lab.open()
        for place, (tenant, thread) in enumerate(CONFUSABLE):
            await send(log, make(place, tenant=tenant, thread=thread, expected=0, head=HeadChange(owner=tenant)))
        await _check_confusable(log)

    @clause("T1")
    async def test_t1_confusable_names_are_different_after_reopening(self, lab: Lab) -> None:
        """What is stored keeps the names apart as well."""
        log = await lab.open()
        for place, (tenant, thread) in enumerate(CONFUSABLE):
            await send(log, make(place, tenant=tenant, thread=thread, head=HeadChange(owner=tenant)))
        await _check_confusable(await lab.reopen(log))


async def _two_houses(lab: Lab) -> tuple[EventLog, str, list[str]]:
    """A log in which one tenant has the thread ``secret``, and strangers in its shard and in another."""
    log = await lab.open(shards=2)
    victim, neighbour = tenants_of(2, 0, 2)
    (foreigner,) = tenants_of(2, 1, 1)
    await store(log, make(1, tenant=victim, thread="secret", append_id="secret", head=HeadChange(owner="alice")))
    await store(log, make(2, tenant=victim, thread="secret"))
    return log, victim, [neighbour, foreigner]


async def _check_unknown(log: EventLog, pairs: list[tuple[tuple[str, str], tuple[str, str]]]) -> None:
    """Make a thread of each first pair of tenant and thread; the second then is a thread that there is not."""
    known = {one for one, _ in pairs}
    for tenant, thread in sorted(known):
        await store(log, make(1, tenant=tenant, thread=thread))
    for one, other in pairs:
        if other not in known:
            nothing = await _answer(log.read_thread(other[0], "unknown"))
            assert await _answer(log.read_thread(*other)) == nothing, f"{other} is taken for {one}"


async def _answer(call: Awaitable[T]) -> T | type[BaseException]:
    """What a call gives, or how it is refused: the same for what others have as for what nobody has."""
    try:
        return await call
    except Exception as error:  # noqa: BLE001 - whatever it is, it must be the same for both
        return type(error)


async def _check_own_snapshot(log: EventLog, tenant: str) -> None:
    found = await _answer(log.load_snapshot(tenant, "secret", "items", 1))
    assert not isinstance(found, Snapshot) or (found.tenant, found.state) == (tenant, tenant.encode()), (
        f"{tenant} is given the snapshot of another tenant: {found}"
    )


async def _check_confusable(log: EventLog) -> None:
    tenants = {tenant for tenant, _ in CONFUSABLE}
    for tenant, thread in CONFUSABLE:
        kept = [(event.tenant, int(event.data)) for event in await read(log, thread, tenant)]
        assert {of for of, _ in kept} <= {tenant}, f"{tenant} is given events of another tenant"
        assert {CONFUSABLE[number][0] for _, number in kept} <= {tenant}, f"{tenant} is given payloads of another"
    for tenant in tenants:
        own = {thread for of, thread in CONFUSABLE if of == tenant}
        for owner in (None, tenant):
            heads = (await log.list_heads(tenant, owner=owner, newest_first=False)).heads
            assert {head.tenant for head in heads} <= {tenant}
            assert {head.thread_id for head in heads} <= own, f"{tenant} is shown threads of another tenant"
        part = (await log.read_shard(log.shard_of(tenant), tenant=tenant)).events
        assert {event.thread_id for event in part} <= own, f"{tenant} is given events of another tenant"


def _snapshot(tenant: str, seq: int) -> Snapshot:
    return Snapshot(
        tenant=tenant,
        thread_id="secret",
        projection="items",
        version=1,
        seq=seq,
        check="0123abcd",
        state=tenant.encode(),
    )

"""Fair turns between tenants."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from threadlog.log.turns import Turns

TENANTS = st.sampled_from("abcd")


@given(st.lists(TENANTS))
def test_each_tenant_keeps_its_order_and_everything_comes_out_once(puts: list[str]) -> None:
    """What a tenant put first comes first, and nothing is lost or doubled."""
    queued: Turns[tuple[str, int]] = Turns()
    for number, tenant in enumerate(puts):
        queued.put(tenant, (tenant, number))
    assert len(queued) == len(puts) == len(list(queued))
    taken = [queued.take() for _ in puts]
    assert not queued
    assert sorted(number for _, number in taken) == list(range(len(puts)))
    for tenant in "abcd":
        own = [number for owner, number in taken if owner == tenant]
        assert own == sorted(own)


@given(st.lists(st.one_of(TENANTS, st.none())))
def test_nobody_waits_longer_than_one_round(steps: list[str | None]) -> None:
    """Between two turns of a tenant that has something, each other tenant has at most one turn."""
    queued: Turns[str] = Turns()
    passed_over: dict[str, defaultdict[str, int]] = {}
    for tenant in steps:
        if tenant is not None:
            queued.put(tenant, tenant)
            passed_over.setdefault(tenant, defaultdict(int))
        elif queued:
            expected = queued.first()
            taken = queued.take()
            assert taken == expected
            del passed_over[taken]
            for others in passed_over.values():
                others[taken] += 1
                assert others[taken] == 1
            if queued.first_of(taken) is not None:
                passed_over[taken] = defaultdict(int)


def test_the_first_of_a_tenant_can_be_dropped_out_of_turn() -> None:
    """Dropping takes nobody's turn, and the last thing takes its tenant along."""
    queued: Turns[int] = Turns()
    queued.put("a", 1)
    queued.put("b", 2)
    queued.put("b", 3)
    queued.drop_first_of("b")
    assert queued.first_of("b") == 3
    queued.drop_first_of("b")
    assert queued.first_of("b") is None
    assert list(queued) == [1]

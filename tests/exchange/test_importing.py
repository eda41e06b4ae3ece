"""Importing runs: every message once, whatever happens on the way."""

from __future__ import annotations

import asyncio
import copy
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from exchange.conftest import ALICE, OPERATOR
from exchange.runs import FIELDS, RUNS, TALK, assistant, calls, result, run, same, user
from threadlog.exchange import ImportOutcome, export_line, export_run, export_threads, import_run
from threadlog.exchange.comparing import first_difference
from threadlog.log import Appended, Duplicate, LogStopped
from threadlog.log.memory import MemoryLog
from threadlog.model import AssistantMessageItem, ThreadItemDoneEvent
from threadlog.store import AccessDenied, Principal, ThreadStore

pytestmark = pytest.mark.anyio


async def exported(store: ThreadStore, outcome: ImportOutcome) -> dict[str, Any]:
    """What the thread of an import gives back, through a line of a file."""
    assert outcome.thread_id is not None
    line: dict[str, Any] = json.loads(export_line(await store.state(OPERATOR, outcome.thread_id)))
    return line


async def seq_of(store: ThreadStore, outcome: ImportOutcome) -> int:
    """How many events the thread of an import has."""
    assert outcome.thread_id is not None
    return (await store.state(OPERATOR, outcome.thread_id)).seq


class TestRealRuns:
    """A hundred runs of a real agent."""

    async def test_all_are_imported_and_come_back(self, store: ThreadStore, airline_runs: list[dict[str, Any]]) -> None:
        """Every run imports, importing again changes nothing, and the export holds the same runs."""
        for expected in ("imported", "unchanged"):
            outcomes = [await import_run(store, ALICE, json.dumps(one).encode()) for one in airline_runs]
            assert {outcome.status for outcome in outcomes} == {expected}
        lines = [json.loads(line) async for line in export_threads(store, OPERATOR)]
        assert same(lines, airline_runs)

    async def test_every_message_call_and_result_is_an_event(
        self, store: ThreadStore, airline_runs: list[dict[str, Any]]
    ) -> None:
        """A thread has an event for each message that says something, each tool call and each result."""
        for one in airline_runs[:20]:
            outcome = await import_run(store, ALICE, one)
            said = sum(message["role"] == "tool" or bool(message["content"]) for message in one["messages"])
            called = sum(len(message.get("tool_calls") or []) for message in one["messages"])
            assert outcome.events == 1 + said + called
            assert await seq_of(store, outcome) == outcome.events

    async def test_truncated_runs_grow(self, store: ThreadStore, airline_runs: list[dict[str, Any]]) -> None:
        """Half a run, imported first, gets the other half's messages and nothing else."""
        for one in airline_runs[:20]:
            half = {**one, "messages": one["messages"][: len(one["messages"]) // 2]}
            first = await import_run(store, ALICE, half)
            second = await import_run(store, ALICE, one)
            assert (first.status, second.status) == ("imported", "grown")
            assert await seq_of(store, second) == first.events + second.events
            assert same(await exported(store, second), one)

    async def test_altered_runs_are_left_alone(self, store: ThreadStore, airline_runs: list[dict[str, Any]]) -> None:
        """A run whose past is another one is reported by its name and place, and changes nothing."""
        for one in airline_runs[:20]:
            before = await import_run(store, ALICE, one)
            altered = copy.deepcopy(one)
            altered["messages"][3]["content"] = "something else"
            altered["messages"].append(user("and more"))
            outcome = await import_run(store, ALICE, altered)
            assert (outcome.status, outcome.events) == ("differs", 0)
            assert one["id"] in str(outcome.message)
            assert "message 4" in str(outcome.message)
            assert same(await exported(store, before), one)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(messages=RUNS, fields=FIELDS)
async def test_any_run_comes_back_and_imports_once(messages: list[Any], fields: dict[str, Any]) -> None:
    """Whatever a run holds, its export is the same run, and importing it or its export again changes nothing."""
    given = run(messages, **fields)
    async with MemoryLog() as log, ThreadStore(log) as store:
        outcome = await import_run(store, ALICE, json.dumps(given))
        assert outcome.status == "imported"
        again = await exported(store, outcome)
        assert same(again, given)
        assert (await import_run(store, ALICE, given)).status == "unchanged"
        assert (await import_run(store, ALICE, json.dumps(again).encode())).status == "unchanged"
        assert await seq_of(store, outcome) == outcome.events


class TestGoingOn:
    """Imports that are cut off, repeated, raced or overtaken."""

    async def test_a_run_of_thousands_of_messages(self, narrow_store: ThreadStore) -> None:
        """A long run is appended in pieces within the log's limits."""
        given = run([message for number in range(700) for message in (user(f"q{number}"), assistant(f"a{number}"))])
        outcome = await import_run(narrow_store, ALICE, given)
        assert (outcome.status, outcome.events) == ("imported", 1401)
        assert same(await exported(narrow_store, outcome), given)

    @pytest.mark.parametrize("kept", range(1, 6))
    async def test_an_import_that_was_cut_off_is_finished(
        self, narrow_store: ThreadStore, monkeypatch: pytest.MonkeyPatch, kept: int
    ) -> None:
        """After any number of appends the log stops; running the import again appends the rest, each event once."""
        given = run([*TALK[:2], calls("a", "b", "c", "d", "e", "f", "g", content="All!"), *TALK[2:]])
        whole = 1 + 12 + 8  # the thread's beginning, the talk, the message with seven calls
        append, done = narrow_store.append, 0

        async def failing(*args: Any, **options: Any) -> Appended | Duplicate:
            nonlocal done
            done += 1
            if done > kept:
                raise LogStopped("the disk is gone.")
            return await append(*args, **options)

        with monkeypatch.context() as broken:
            broken.setattr(narrow_store, "append", failing)
            with pytest.raises(LogStopped):
                await import_run(narrow_store, ALICE, given)
        outcome = await import_run(narrow_store, ALICE, given)
        assert outcome.status == "grown"
        assert same(await exported(narrow_store, outcome), given)
        assert await seq_of(narrow_store, outcome) == whole == 3 * kept + outcome.events
        assert (await import_run(narrow_store, ALICE, given)).status == "unchanged"

    async def test_importers_at_the_same_time_import_once(self, narrow_store: ThreadStore) -> None:
        """Several importers of one run end with one thread that holds every message once."""
        outcomes = await asyncio.gather(*(import_run(narrow_store, ALICE, run(TALK)) for _ in range(5)))
        assert {outcome.thread_id for outcome in outcomes} == {outcomes[0].thread_id}
        assert all(outcome.status in ("imported", "grown", "unchanged") for outcome in outcomes)
        assert same(await exported(narrow_store, outcomes[0]), run(TALK))
        assert await seq_of(narrow_store, outcomes[0]) == sum(outcome.events for outcome in outcomes)

    async def test_growing_message_by_message(self, store: ThreadStore) -> None:
        """A run that is imported after each of its messages is the run that is imported at once."""
        for count in range(len(TALK) + 1):
            outcome = await import_run(store, ALICE, run(TALK[:count]))
            assert outcome.status == ("grown" if count else "imported")
        assert same(await exported(store, outcome), run(TALK))

    async def test_an_older_file_changes_nothing(self, store: ThreadStore) -> None:
        """A run that ends before the thread does is no other run; the outcome says what the thread has more."""
        await import_run(store, ALICE, run(TALK))
        outcome = await import_run(store, ALICE, run(TALK[:4]))
        assert (outcome.status, outcome.events, outcome.message) == ("unchanged", 0, "the thread has 6 messages more.")

    async def test_fields_may_change_with_growth(self, store: ThreadStore) -> None:
        """A run that goes on may have other fields by then; the thread has the new ones."""
        await import_run(store, ALICE, run(TALK[:4], state="running", gone=1))
        outcome = await import_run(store, ALICE, run(TALK, state="done", big="x" * 30_000))
        assert outcome.status == "grown"
        assert same(await exported(store, outcome), run(TALK, state="done", big="x" * 30_000))

    async def test_other_fields_alone_are_another_past(self, store: ThreadStore) -> None:
        """The same messages with another field are reported by the field's name and left alone."""
        before = await import_run(store, ALICE, run(TALK, reward=1.0))
        outcome = await import_run(store, ALICE, run(TALK, reward=1))
        assert outcome.status == "differs"
        assert "'reward'" in str(outcome.message)
        assert same(await exported(store, before), run(TALK, reward=1.0))

    async def test_a_conversation_that_went_on_is_left_alone(self, store: ThreadStore) -> None:
        """A thread that somebody talked in after its import is not disturbed, and exports the talk as well."""
        outcome = await import_run(store, ALICE, run(TALK))
        assert outcome.thread_id is not None
        said = AssistantMessageItem.model_validate(
            {
                "id": "m",
                "thread_id": outcome.thread_id,
                "created_at": "2026-01-01T00:00:00Z",
                "content": [{"type": "output_text", "text": "One more."}],
            }
        )
        await store.append(ALICE, outcome.thread_id, [ThreadItemDoneEvent(item=said)], expected=outcome.events)
        assert (await import_run(store, ALICE, run(TALK))).status == "unchanged"
        assert (await import_run(store, ALICE, run([*TALK, user("And?")]))).status == "differs"
        assert same(await exported(store, outcome), run([*TALK, assistant("One more.")]))

    async def test_a_deleted_thread_stays_deleted(self, store: ThreadStore) -> None:
        """Importing the run of a deleted thread says so and brings nothing back."""
        outcome = await import_run(store, ALICE, run(TALK))
        assert outcome.thread_id is not None
        await store.delete_thread(ALICE, outcome.thread_id)
        again = await import_run(store, ALICE, run(TALK))
        assert again.status == "differs"
        assert "deleted" in str(again.message)

    async def test_a_new_title_is_no_other_past(self, store: ThreadStore) -> None:
        """Renaming an imported thread does not stand in the way of its growth, and the new title stays."""
        outcome = await import_run(store, ALICE, run(TALK[:4], a=1))
        assert outcome.thread_id is not None
        thread = await store.load_thread(ALICE, outcome.thread_id)
        await store.save_thread(ALICE, thread.model_copy(update={"title": "Mine"}))
        assert (await import_run(store, ALICE, run(TALK, a=2))).status == "grown"
        assert (await store.load_thread(ALICE, outcome.thread_id)).title == "Mine"
        assert same(await exported(store, outcome), run(TALK, a=2))


class TestThreads:
    """What an imported thread is to its users."""

    async def test_users_and_tenants_import_for_themselves(self, store: ThreadStore) -> None:
        """The same run, imported by others, is a thread of their own."""
        others = [ALICE, Principal("acme", "bob"), Principal("other", "alice")]
        outcomes = [await import_run(store, who, run(TALK)) for who in others]
        assert {outcome.status for outcome in outcomes} == {"imported"}
        assert len({outcome.thread_id for outcome in outcomes}) == 3

    async def test_the_thread_is_called_like_the_run(self, store: ThreadStore) -> None:
        """Listings show the run's id as the title, and the run's other fields in the metadata."""
        await import_run(store, ALICE, run(TALK, name="air\ud800line\0-7", reward=0.5))
        (thread,) = (await store.load_threads(ALICE)).data
        assert thread.title == "air\N{REPLACEMENT CHARACTER}line-7"
        assert thread.metadata["run"]["reward"] == 0.5

    async def test_viewers_do_not_see_system_messages(self, store: ThreadStore) -> None:
        """A run's system message is hidden context: its owner's page of items begins with the user's message."""
        outcome = await import_run(store, ALICE, run(TALK))
        assert outcome.thread_id is not None
        page = await store.load_thread_items(ALICE, outcome.thread_id)
        assert page.data[0].type == "user_message"

    async def test_large_fields_are_kept_out_of_listings(self, store: ThreadStore) -> None:
        """Fields such as a list of tools come back whole, and listings do not carry them."""
        tools = [{"name": f"tool {number}", "description": "x" * 1000} for number in range(100)]
        outcome = await import_run(store, ALICE, run(TALK, tools=tools))
        assert same(await exported(store, outcome), run(TALK, tools=tools))
        (thread,) = (await store.load_threads(ALICE)).data
        assert len(thread.model_dump_json()) < 1000
        assert (await import_run(store, ALICE, run(TALK, tools=tools))).status == "unchanged"

    async def test_only_members_import(self, store: ThreadStore) -> None:
        """Who may not make threads may not import."""
        with pytest.raises(AccessDenied):
            await import_run(store, Principal("acme", "guest", frozenset()), run(TALK))

    async def test_a_state_in_the_middle(self, store: ThreadStore) -> None:
        """Between a call's event and its result's the call is pending."""
        outcome = await import_run(store, ALICE, run(TALK))
        assert outcome.thread_id is not None
        states = [await store.state(OPERATOR, outcome.thread_id, at=seq) for seq in range(1, outcome.events + 1)]
        exports = [export_run(state)["messages"] for state in states]
        assert all(first_difference(before, after) is None for before, after in pairwise(exports))
        assert exports[-1] == TALK


class TestLines:
    """What stands in files."""

    @pytest.mark.parametrize(
        ("line", "word"),
        [
            (b"{", "not JSON"),
            (b"", "not JSON"),
            (b'{"messages": [}', "not JSON"),
            (b"\xff\xfe{}", "not UTF-8"),
            (b"[]", "a list"),
            (b"7", "a number"),
            (b'{"id": "x"}', "missing or null"),
            (b'{"id": "x", "messages": {}}', "an object"),
            (b'{"id": [1], "messages": []}', "`id`"),
            (b'{"id": true, "messages": []}', "`id`"),
            (b'{"messages": [' + b"[" * 500 + b"]" * 500 + b"]}", "nested deeper"),
            (b'{"messages": [' + b"[" * 500_000 + b"]" * 500_000 + b"]}", "not JSON"),
            (b'{"messages": ["' + b"x" * (64 * 1024 * 1024) + b'"]}', "split the run"),
        ],
        ids=lambda value: value[:20] if isinstance(value, str) else None,
    )
    async def test_what_is_no_run_is_said_so(self, store: ThreadStore, line: bytes, word: str) -> None:
        """A line that is no run is invalid, in words that name the fault, and nothing is written."""
        outcome = await import_run(store, ALICE, line)
        assert (outcome.status, outcome.thread_id, outcome.events) == ("invalid", None, 0)
        assert word in str(outcome.message)
        assert (await store.load_threads(ALICE)).data == []

    async def test_a_message_over_the_limit_is_named(self, narrow_store: ThreadStore) -> None:
        """A message that no event can hold makes the run invalid before anything of it is written."""
        outcome = await import_run(narrow_store, ALICE, run([*TALK, user("x" * 3000)]))
        assert (outcome.status, outcome.events) == ("invalid", 0)
        assert "message 11" in str(outcome.message)
        assert (await narrow_store.load_threads(ALICE)).data == []

    async def test_fields_over_the_limit_are_named(self, narrow_store: ThreadStore) -> None:
        """Fields that no event can hold make the run invalid."""
        outcome = await import_run(narrow_store, ALICE, run(TALK, tools="x" * 3000))
        assert outcome.status == "invalid"
        assert "besides its messages" in str(outcome.message)

    @pytest.mark.parametrize("name", [7, "7", "é\ud800", "", "x" * 5000, -(10**30)])
    async def test_any_text_or_number_is_an_id(self, store: ThreadStore, name: Any) -> None:
        """Ids come back as they are, and 7 is another run than "7"."""
        other = await import_run(store, ALICE, run(TALK, name="another"))
        outcome = await import_run(store, ALICE, json.dumps(run(TALK, name=name)))
        assert (outcome.status, outcome.thread_id != other.thread_id) == ("imported", True)
        assert same((await exported(store, outcome))["id"], name)

    async def test_numbers_and_texts_are_different_ids(self, store: ThreadStore) -> None:
        """The run 7 and the run "7" are two runs."""
        outcomes = [await import_run(store, ALICE, run(TALK, name=name)) for name in (7, "7")]
        assert outcomes[0].thread_id != outcomes[1].thread_id

    async def test_a_run_without_an_id_is_known_by_its_content(self, store: ThreadStore) -> None:
        """Without an id the same line is the same run, and another line another one."""
        first = await import_run(store, ALICE, {"messages": TALK})
        again = await import_run(store, ALICE, {"messages": TALK})
        other = await import_run(store, ALICE, {"messages": TALK[:5]})
        assert [first.status, again.status, other.status] == ["imported", "unchanged", "imported"]
        assert same(await exported(store, first), {"messages": TALK})

    async def test_a_byte_order_mark_is_no_fault(self, store: ThreadStore) -> None:
        """A line that begins with a byte order mark is read."""
        assert (await import_run(store, ALICE, b"\xef\xbb\xbf" + json.dumps(run(TALK)).encode())).status == "imported"

    async def test_repeated_keys_are_told(self, store: ThreadStore) -> None:
        """Where a key stands twice in an object the last one counts, and the outcome says so."""
        outcome = await import_run(store, ALICE, b'{"id":"x","messages":[{"role":"user","content":"a","content":"b"}]}')
        assert outcome.status == "imported"
        assert "'content' stands twice" in str(outcome.message)
        assert (await exported(store, outcome))["messages"] == [user("b")]

    async def test_what_is_given_is_left_alone(self, store: ThreadStore) -> None:
        """Importing an object does not change it."""
        given = run(copy.deepcopy(TALK), a=[1])
        kept = copy.deepcopy(given)
        await import_run(store, ALICE, given)
        assert given == kept

    async def test_results_that_come_with_the_growth_find_their_calls(self, store: ThreadStore) -> None:
        """A result in the tail completes the call that was imported before."""
        await import_run(store, ALICE, run([calls("a", "b")]))
        outcome = await import_run(store, ALICE, run([calls("a", "b"), result("b")]))
        assert outcome.thread_id is not None
        items = (await store.load_thread_items(ALICE, outcome.thread_id)).data
        assert [getattr(item, "status", None) for item in items] == ["pending", "completed"]

"""The agent with a model, through the official client, against a local server that speaks its protocol."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from runs.endpoint import Answer, Endpoint, Refusal, calls, text
from runs.world import World, only, said
from threadlog.agents.openai import OpenAIAgent, make_agent
from threadlog.agents.openai.agent import ModelBounds
from threadlog.model import AssistantMessageItem, ServerToolCallItem, WorkflowItem
from threadlog.model.errors import ThreadlogError
from threadlog.projection import ThreadState
from threadlog.runs import StartedRun

pytestmark = pytest.mark.anyio

KEY = "sk-very-secret-key"


def agent(endpoint: Endpoint, folder: Path | None = None, **bounds: Any) -> OpenAIAgent:
    """An agent at the endpoint, which tries nothing twice."""
    return make_agent(
        model="test", base_url=endpoint.url, api_key=KEY, folder=folder, bounds=ModelBounds(**{"retries": 0, **bounds})
    )


async def asked(world: World, endpoint: Endpoint, folder: Path | None = None, **bounds: Any) -> ThreadState:
    """Let the agent answer one message."""
    return await world.answer(agent(endpoint, folder, **bounds), "hello")


async def failure(world: World, step: Answer | Refusal) -> str:
    """The recorded error of a run whose model answers like this."""
    async with Endpoint(step) as endpoint:
        state = await asked(world, endpoint)
    (run,) = state.runs.values()
    assert run.status == "failed"
    assert run.error is not None
    return run.error


async def test_the_models_tokens_become_a_message(world: World) -> None:
    """A streamed answer is one assistant message; what it used is recorded with the run."""
    async with Endpoint(text("Hel", "lo ", "there")) as endpoint:
        state = await asked(world, endpoint)
    assert said(state) == ["Hello there"]
    assert endpoint.requests[0]["messages"][-1] == {"role": "user", "content": "hello"}
    assert endpoint.headers[0]["authorization"] == f"bearer {KEY}"
    events = (await world.store.read_events(world.alice, state.thread_id)).events
    assert json.loads(events[-1].data)["usage"] == {"input_tokens": 10, "output_tokens": 5}


async def test_a_model_uses_the_folders_tools(world: World, shop: Path) -> None:
    """Its calls run over the real folder; they and their results are in the thread and go back to the model."""
    script = [
        calls(("call_1", "search_files", '{"text": "TODO", "folder": "src"}')),
        calls(("call_2", "read_file", '{"path": "docs/guide.md", "last_line": 1}')),
        text("Two TODOs."),
    ]
    async with Endpoint(*script) as endpoint:
        state = await asked(world, endpoint, shop)
    assert said(state) == ["Two TODOs."]
    first, second = [item for item in state.items if isinstance(item, ServerToolCallItem)]
    assert (first.call_id, first.status, first.arguments) == (
        "call_1",
        "completed",
        {"text": "TODO", "folder": "src"},
    )
    assert first.output["occurrences"] == 2
    assert second.output["text"] == "# Guide"
    told = endpoint.requests[1]["messages"][-2:]
    assert told[0]["tool_calls"][0]["function"]["name"] == "search_files"
    assert json.loads(told[1]["content"])["files"] == [{"path": "src/shop/cart.py", "occurrences": 2, "lines": 2}]


async def test_what_tools_refuse_goes_back_to_the_model(world: World, shop: Path) -> None:
    """A path that leads out, arguments that do not fit or are no JSON, and an unknown tool are failed calls."""
    script = [
        calls(
            ("a", "read_file", '{"path": "../../etc/passwd"}'),
            ("b", "read_file", '{"file": "x"}'),
            ("c", "read_file", "{not json"),
            ("d", "delete_file", "{}"),
        ),
        text("I cannot."),
    ]
    async with Endpoint(*script) as endpoint:
        state = await asked(world, endpoint, shop)
    found = [item for item in state.items if isinstance(item, ServerToolCallItem)]
    assert [item.status for item in found] == ["failed"] * 4
    assert [bool(item.error) for item in found] == [True] * 4
    assert "leads out" in (found[0].error or "")
    assert found[2].arguments == "{not json"
    assert "no tool 'delete_file'" in (found[3].error or "")
    assert "leads out" in endpoint.requests[1]["messages"][-4]["content"]


async def test_the_thread_is_the_models_memory(world: World, shop: Path) -> None:
    """The next message comes with what was said, called and returned before."""
    script = [calls(("call_1", "list_files", "{}")), text("Twelve."), text("As I said.")]
    thread_id = await world.thread()
    async with Endpoint(*script) as endpoint, world.runner(agent(endpoint, shop)) as runner:
        for message in ("how many files?", "sure?"):
            run: StartedRun = await runner.start(world.alice, thread_id, message)
            await runner.wait(run.run_id)
    roles = [message["role"] for message in endpoint.requests[-1]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert [message.get("content") for message in endpoint.requests[-1]["messages"][4:]] == ["Twelve.", "sure?"]


async def test_the_models_memory_is_bounded(world: World) -> None:
    """Only the newest part of a long conversation is sent, from a user's message on."""
    thread_id = await world.thread()
    script = [text("x" * 300) for _ in range(6)]
    async with Endpoint(*script) as endpoint, world.runner(agent(endpoint, history_characters=1_000)) as runner:
        for number in range(6):
            run = await runner.start(world.alice, thread_id, f"message {number}")
            await runner.wait(run.run_id)
    sent = endpoint.requests[-1]["messages"]
    assert [message["role"] for message in sent[:2]] == ["system", "user"]
    assert sent[-1]["content"] == "message 5"
    assert len(json.dumps(sent[1:])) < 1_100


async def test_a_model_that_keeps_calling_is_stopped(world: World, shop: Path) -> None:
    """In the last round it has no tools; if it calls nevertheless the run fails."""
    script = [calls((f"call_{number}", "list_files", "{}")) for number in range(3)]
    async with Endpoint(*script) as endpoint:
        state = await asked(world, endpoint, shop, rounds=3)
    (run,) = state.runs.values()
    assert "kept calling tools" in (run.error or "")
    assert ["tools" in request for request in endpoint.requests] == [True, True, False]


async def test_a_refusal_is_what_the_model_says(world: World) -> None:
    """The text of a refusal is the answer."""
    async with Endpoint(Answer([{"role": "assistant"}, {"refusal": "I will "}, {"refusal": "not."}])) as endpoint:
        assert said(await asked(world, endpoint)) == ["I will not."]


async def test_reasoning_is_shown_as_thoughts(world: World) -> None:
    """Endpoints that stream reasoning beside the text: it becomes a workflow of thoughts before the answer."""
    deltas = [{"role": "assistant"}, {"reasoning_content": "Let me "}, {"reasoning_content": "see."}, {"content": "4"}]
    async with Endpoint(Answer(deltas)) as endpoint:
        state = await asked(world, endpoint)
    assert only(state, WorkflowItem).workflow.tasks[0].content == "Let me see."
    assert said(state) == ["4"]


async def test_an_answer_that_was_cut_short_says_so(world: World) -> None:
    """An answer that reached the model's limit is kept, with a notice."""
    async with Endpoint(text("and then", finish="length")) as endpoint:
        state = await asked(world, endpoint)
    assert said(state) == ["and then"]
    assert "notice" in await world.types(state.thread_id)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Refusal(401, {"message": f"Incorrect key {KEY}", "code": "invalid_api_key"}), "agent.openai.api_key"),
        (Refusal(403), "may not use model 'test'"),
        (Refusal(404, {"code": "model_not_found"}), "There is no model 'test'"),
        (Refusal(429), "busy; try again later"),
        (Refusal(429, {"code": "insufficient_quota"}), "quota of the key is used up"),
        (Refusal(400, {"code": "context_length_exceeded"}), "too long for the model"),
        (Refusal(400, {"message": "secret details"}), "refused the request (400)"),
        (Refusal(500), "failed (500); try again"),
        (text("half", drop=True), "broke off"),
        (text("half", finish=None, usage=None), "broke off"),
    ],
)
async def test_errors_of_the_endpoint_are_told_with_their_remedy(
    world: World, step: Answer | Refusal, words: str
) -> None:
    """Each way to fail has its sentence, and none quotes the endpoint or the key."""
    error = await failure(world, step)
    assert words in error
    assert KEY not in error
    assert "secret details" not in error


async def test_what_came_before_a_dropped_connection_is_kept(world: World) -> None:
    """The partial answer stays in the thread."""
    async with Endpoint(text("half of ", "it", drop=True)) as endpoint:
        state = await asked(world, endpoint)
    assert said(state) == ["half of it"]
    assert not state.open_item_ids


async def test_an_endpoint_that_is_not_there_is_named(world: World) -> None:
    """Nothing listens: the run fails and names the host, without credentials in its URL."""
    made = make_agent(model="test", base_url="http://user:pass@127.0.0.1:9/v1", bounds=ModelBounds(retries=0))
    (run,) = (await world.answer(made)).runs.values()
    assert "127.0.0.1" in (run.error or "")
    assert "pass" not in (run.error or "")


async def test_cancelling_closes_the_stream(world: World) -> None:
    """A cancelled run lets go of its endpoint at once."""
    thread_id = await world.thread()
    async with Endpoint(text("thinking", hang=True)) as endpoint, world.runner(agent(endpoint)) as runner:
        await runner.start(world.alice, thread_id, "hello")
        await endpoint.streaming.wait()
        await runner.cancel(world.alice, thread_id)
        await endpoint.gone.wait()
    assert only(await world.state(thread_id), AssistantMessageItem).content[0].text == "thinking"


async def test_a_busy_endpoint_is_asked_again(world: World) -> None:
    """The client's own retries are used where they are allowed."""
    async with Endpoint(Refusal(500), text("at last")) as endpoint:
        assert said(await asked(world, endpoint, retries=1)) == ["at last"]


async def test_the_key_is_shown_nowhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a repr, and not in the log of a run that failed by it."""
    with caplog.at_level(logging.DEBUG):
        async with Endpoint(Refusal(401)) as endpoint:
            made = agent(endpoint)
            await world.answer(made)
    assert KEY not in repr(made) + str(vars(made).get("__name__")) + caplog.text


def test_openai_itself_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an endpoint of one's own and without a key the agent cannot be made; the error names the setting."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ThreadlogError, match=r"agent\.openai\.api_key"):
        make_agent(model="test")

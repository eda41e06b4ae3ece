"""The folder agent's tools stay inside and within bounds, and its runs stream, stop and remember."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from pathlib import Path

import pytest

from runs.world import World, only, said
from threadlog.agents.folder import FolderBounds, FolderTools, NoSuchPath, NotReadable, OutsideFolder, Root, make_agent
from threadlog.agents.folder.listing import Entry
from threadlog.agents.folder.search import Term
from threadlog.agents.folder.text import BinaryFile
from threadlog.agents.folder.tools import Selection
from threadlog.agents.folder.work import Stopped, Work
from threadlog.model import ServerToolCallItem, WorkflowItem

pytestmark = pytest.mark.anyio


@pytest.fixture
def tools(shop: Path) -> FolderTools:
    """The tools over the shop."""
    return FolderTools(Root(shop))


def work(seconds: float = 30.0) -> Work:
    """Work with time."""
    return Work(seconds)


# Inside


@pytest.mark.parametrize(
    "path",
    [
        *("..", "../secret.txt", "docs/../../secret.txt", "/etc/passwd", "docs/../../shop/../secret.txt"),
        *("out.txt", "out_dir/secret.txt", "chain.txt", "absolute.txt"),
    ],
)
def test_no_path_leads_out(shop: Path, tools: FolderTools, path: str) -> None:
    """Neither ``..`` nor an absolute path nor a link, nor a link to a link, reaches what lies beside the folder."""
    (shop.parent / "secret.txt").write_text("secret")
    (shop / "out.txt").symlink_to("../secret.txt")
    (shop / "out_dir").symlink_to("..")
    (shop / "chain.txt").symlink_to("docs/next.txt")
    (shop / "docs" / "next.txt").symlink_to("../../secret.txt")
    (shop / "absolute.txt").symlink_to(shop.parent / "secret.txt")
    with pytest.raises(OutsideFolder):
        tools.read(work(), path)


def test_links_inside_the_folder_work(shop: Path, tools: FolderTools) -> None:
    """Relative and absolute links that stay inside are followed; loops are not."""
    (shop / "relative.md").symlink_to("docs/guide.md")
    (shop / "absolute.md").symlink_to(shop / "docs" / "guide.md")
    (shop / "up.md").symlink_to("docs/notes/../guide.md")
    (shop / "loop").symlink_to("loop")
    for name in ("relative.md", "absolute.md", "up.md", str(shop / "README.md")):
        assert tools.read(work(), name, 1, 1).text.startswith("# ")
    with pytest.raises(NotReadable, match="too many links"):
        tools.read(work(), "loop")


def test_a_folder_that_is_swapped_for_a_link_is_not_followed(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that takes a folder's place between the look and the opening is refused."""
    (shop.parent / "outside").mkdir()
    (shop.parent / "outside" / "guide.md").write_text("secret")
    tools, look = FolderTools(Root(shop)), os.stat

    def swap(path: object, **options: object) -> os.stat_result:
        seen = look(path, **options)  # type: ignore[arg-type,call-overload]
        if path == "docs" and not (shop / "docs").is_symlink():
            (shop / "docs").rename(shop / "moved")
            (shop / "docs").symlink_to(shop.parent / "outside")
        return seen  # type: ignore[no-any-return]

    monkeypatch.setattr(os, "stat", swap)
    with pytest.raises((NotReadable, NoSuchPath)):
        tools.read(work(), "docs/guide.md")


def test_pipes_sockets_and_devices_are_left_alone(shop: Path, tools: FolderTools) -> None:
    """They are named and never opened, so that nothing hangs."""
    os.mkfifo(shop / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(shop / "sock"))
        for name in ("pipe", "sock"):
            with pytest.raises(NotReadable, match="no regular file"):
                tools.read(work(), name)
        listing = tools.listing(work())
        assert {entry.path for entry in listing.entries if entry.special} == {"pipe", "sock"}
        assert "pipe" not in [entry.path for entry in listing.files()]


def test_what_is_not_there_says_so(tools: FolderTools) -> None:
    """Missing files, folders in a file's place, files in a folder's place, odd names: each has its error."""
    with pytest.raises(NoSuchPath):
        tools.read(work(), "nothing.txt")
    with pytest.raises(NotReadable, match="is a folder"):
        tools.read(work(), "docs")
    with pytest.raises(NoSuchPath):
        tools.read(work(), "README.md/inside")
    with pytest.raises(NoSuchPath):
        tools.read(work(), "a\0b")
    with pytest.raises(NoSuchPath, match="too long"):
        tools.read(work(), "x" * 5_000)


def test_a_root_must_be_a_folder(tmp_path: Path) -> None:
    """A folder that is not there is refused when the agent is made."""
    with pytest.raises(NotReadable, match="nowhere"):
        make_agent(tmp_path / "nowhere")


# Within bounds


def test_binary_files_are_not_read(shop: Path, tools: FolderTools) -> None:
    """Bytes that are no text are refused by name; text in UTF-16 and broken UTF-8 is read."""
    with pytest.raises(BinaryFile, match=r"logo\.png"):
        tools.read(work(), "logo.png")
    (shop / "wide.txt").write_bytes("größe\n".encode("utf-16"))
    (shop / "broken.txt").write_bytes(b"caf\xe9\n")
    assert tools.read(work(), "wide.txt").text == "größe"
    assert tools.read(work(), "broken.txt").text == "caf\ufffd"


def test_a_large_file_is_read_in_part(shop: Path) -> None:
    """The part that is shown is bounded in lines and bytes; the count of lines is that of the whole file."""
    (shop / "large.txt").write_text("".join(f"line {number}\n" for number in range(100_000)))
    tools = FolderTools(Root(shop), FolderBounds(shown_lines=50, shown_bytes=300))
    excerpt = tools.read(work(), "large.txt")
    assert (excerpt.first, excerpt.total, excerpt.cut) == (1, 100_000, True)
    assert len(excerpt.text) <= 300
    assert tools.read(work(), "large.txt", -2).text == "line 99998\nline 99999"


def test_a_file_of_one_endless_line_is_bounded(shop: Path, tools: FolderTools) -> None:
    """A line of many megabytes is neither held nor shown whole."""
    (shop / "line.txt").write_text("x" * 5_000_000)
    assert len(tools.read(work(), "line.txt").text) < 1_000
    (size,) = tools.measure(work(), [Entry("line.txt", 5_000_000)])
    assert (size.lines, size.words, size.characters) == (1, 1, 5_000_000)


def test_more_of_a_file_than_the_bound_is_not_looked_at(shop: Path) -> None:
    """Counts of a file over the bound are marked as partial."""
    (shop / "large.txt").write_text("word\n" * 400_000)
    tools = FolderTools(Root(shop), FolderBounds(file_bytes=300_000))
    (size,) = tools.measure(work(), [Entry("large.txt", 2_000_000)])
    assert size.partial
    assert size.lines < 400_000


def test_a_large_folder_is_listed_in_part(tmp_path: Path) -> None:
    """Beyond the bound of files the listing says that there is more."""
    for number in range(50):
        (tmp_path / f"{number}.txt").touch()
    listing = FolderTools(Root(tmp_path), FolderBounds(files=20)).listing(work())
    assert len(listing.entries) == 20
    assert listing.partial


def test_folders_of_tools_are_not_looked_into(shop: Path, tools: FolderTools) -> None:
    """What lies in node_modules or .git is no file of the user's."""
    for folder in ("node_modules", ".git", "src/__pycache__"):
        (shop / folder).mkdir()
        (shop / folder / "x.py").touch()
    listing = tools.listing(work())
    assert listing.skipped == (".git", "node_modules", "src/__pycache__")
    assert not [entry for entry in listing.files(hidden=True) if entry.name == "x.py"]


def test_work_without_time_gives_what_it_has(tools: FolderTools) -> None:
    """A search whose time is over is partial, and raises nothing."""
    files = tools.listing(work()).files()
    found = tools.search(work(-1), files, Term("cart"))
    assert found.partial
    assert found.searched == 0


def test_work_that_is_stopped_stops(tools: FolderTools) -> None:
    """Every tool stops at its next look around."""
    stopped = work()
    stopped.stop()
    files = tools.listing(work()).files()
    for call in (
        lambda: tools.listing(stopped),
        lambda: tools.search(stopped, files, Term("cart")),
        lambda: tools.measure(stopped, files),
        lambda: tools.read(stopped, "README.md"),
        lambda: tools.outline(stopped, "README.md"),
        lambda: tools.longest_line(stopped, files),
    ):
        with pytest.raises(Stopped):
            call()


def test_names_that_are_no_text_are_passed_over(shop: Path, tools: FolderTools) -> None:
    """A file whose name is no UTF-8 disturbs nothing."""
    with open(os.fsencode(shop) + b"/bad\xff.txt", "w"):
        pass
    assert not [entry for entry in tools.listing(work()).entries if "bad" in entry.path]


# Right


def test_lines_words_and_characters_are_counted_as_wc_counts_them(shop: Path, tools: FolderTools) -> None:
    """Blocks may cut words and characters anywhere; a last line without a line break counts."""
    content = "".join(f"wörd{number} \t next\r\n" for number in range(60_000)) + "last"
    (shop / "big.txt").write_bytes(content.encode())
    (size,) = tools.measure(work(), [Entry("big.txt", len(content))])
    assert (size.lines, size.words, size.characters) == (60_001, len(content.split()), len(content))


def test_a_search_tells_case_and_words_apart(shop: Path, tools: FolderTools) -> None:
    """Occurrences, lines, exact case and whole words are each counted."""
    (shop / "case.txt").write_text("Cat cat category\nconCATenate\n")
    entry = [Entry("case.txt", 30)]
    found = tools.search(work(), entry, Term("cat"))
    assert (found.occurrences, found.lines, found.as_written, found.as_word) == (4, 2, 2, 2)
    assert tools.search(work(), entry, Term("Cat", exact_case=True)).occurrences == 1
    assert tools.search(work(), entry, Term("cat", whole_word=True)).occurrences == 2
    assert tools.search(work(), entry, Term("c.t")).occurrences == 0


def test_a_selection_joins_what_it_says(tools: FolderTools) -> None:
    """Kind, name, folder and size narrow the files together."""
    listing = tools.listing(work())
    chosen = Selection(match=("*.py",), named=("*cart*",), folders=("src", "tests"), min_bytes=100)
    assert [entry.path for entry in tools.select(listing, chosen).files] == ["src/shop/cart.py"]


def test_files_are_compared_line_by_line_or_byte_by_byte(shop: Path, tools: FolderTools) -> None:
    """Equal text, other text, equal and other binary files."""
    (shop / "copy.md").write_bytes((shop / "README.md").read_bytes())
    (shop / "copy.png").write_bytes((shop / "logo.png").read_bytes())
    (shop / "other.png").write_bytes(b"\0other bytes")
    assert tools.compare(work(), "README.md", "copy.md").same
    different = tools.compare(work(), "README.md", "LICENSE")
    assert (different.same, different.removed, different.added) == (False, 12, 2)
    assert tools.compare(work(), "logo.png", "copy.png").same
    assert not tools.compare(work(), "logo.png", "other.png").same


def test_headings_in_code_are_none(shop: Path, tools: FolderTools) -> None:
    """A comment in a fenced block is no heading; underlined titles are."""
    (shop / "doc.md").write_text("Title\n=====\n\n```sh\n# not one\n```\n\n## Two ##\n\nPart\n----\ntext\n")
    assert [(part.name, part.level, part.line) for part in tools.outline(work(), "doc.md").parts] == [
        ("Title", 1, 1),
        ("Two", 2, 8),
        ("Part", 2, 10),
    ]


# As an agent


async def test_an_answer_comes_with_its_work(world: World, shop: Path) -> None:
    """Tool calls, a workflow of tasks and progress are in the thread before the answer, which comes in many pieces."""
    state = await world.answer(make_agent(shop, pace=0.000_1), "which file mentions cart most and show its beginning")
    calls = [item for item in state.items if isinstance(item, ServerToolCallItem)]
    assert [(call.name, call.status) for call in calls] == [
        ("list_files", "completed"),
        ("search_files", "completed"),
        ("read_file", "completed"),
    ]
    assert calls[2].arguments == {"path": "src/shop/main.py", "first": 1, "last": 10}
    tasks = only(state, WorkflowItem).workflow.tasks
    assert [task.status_indicator for task in tasks] == ["complete"] * 3
    types = await world.types(state.thread_id)
    assert "progress_update" in types
    assert types.count("thread.item.updated") > 20


async def test_what_tools_refuse_is_recorded(world: World, shop: Path) -> None:
    """A path that leads out is a failed tool call, and the run completes with the reason."""
    state = await world.answer(make_agent(shop, pace=0), "show ../../etc/passwd")
    call = only(state, ServerToolCallItem)
    assert (call.name, call.status) == ("read_file", "failed")
    assert "leads out" in (call.error or "")


async def test_a_message_in_the_middle_of_an_answer_can_be_cancelled(world: World, shop: Path) -> None:
    """At a slow pace the answer is cut where it was cancelled."""
    thread_id = await world.thread()
    async with world.runner(make_agent(shop, pace=0.01, longest=1_000)) as runner:
        await runner.start(world.alice, thread_id, "help")
        async for _ in world.store.follow(world.alice, thread_id):
            if said(await world.state(thread_id)) and said(await world.state(thread_id))[0]:
                break
        ended = await runner.cancel(world.alice, thread_id)
    assert ended.status == "cancelled"
    (answer,) = said(await world.state(thread_id))
    assert answer
    assert "Try" not in answer


async def test_a_tool_at_work_is_stopped_by_cancelling(
    world: World, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File work runs beside the event loop, tells how far it is, and stops soon after the run was cancelled."""
    stopped = threading.Event()

    def endless(tools: FolderTools, job: Work) -> None:
        try:
            while True:
                job.check()
                job.say("1,000 entries so far")
        except Stopped:
            stopped.set()
            raise

    monkeypatch.setattr(FolderTools, "listing", endless)
    monkeypatch.setattr("threadlog.agents.folder.desk._POLL", 0.01)
    thread_id = await world.thread()
    async with world.runner(make_agent(shop, pace=0)) as runner:
        await runner.start(world.alice, thread_id, "what is here?")
        async for batch in world.store.follow(world.alice, thread_id):
            if any(b"1,000 entries so far" in event.data for event in batch.events):
                break
        await runner.cancel(world.alice, thread_id)
    assert await asyncio.to_thread(stopped.wait, 10)


async def test_a_long_answer_comes_in_larger_pieces(world: World, shop: Path) -> None:
    """However long it is, an answer takes no longer than it may."""
    (shop / "long.txt").write_text("word " * 3_000)
    state = await world.answer(make_agent(shop, pace=0.01, longest=0.05), "show long.txt")
    assert "word word" in said(state)[0]
    assert (await world.types(state.thread_id)).count("thread.item.updated") < 40


async def test_what_files_hold_cannot_break_the_answer(world: World, shop: Path) -> None:
    """Backticks and control characters of a file or its name stay inside their block."""
    (shop / "evil.md").write_text("```\n# not a heading of the answer\n```\n\x1b[31mred\x07\n")
    (shop / "back`tick.txt").write_text("x\n")
    answer = said(await world.answer(make_agent(shop, pace=0), "show evil.md"))[0]
    assert "````markdown\n```\n# not" in answer
    assert "\x1b" not in answer
    assert "``back`tick.txt``" in said(await world.answer(make_agent(shop, pace=0), "list text files"))[0]


async def test_a_very_long_message_is_answered(world: World, shop: Path) -> None:
    """Only its beginning is looked at, and that is said."""
    message = "How many lines does README.md have? " + "blah " * 50_000
    answer = said(await world.answer(make_agent(shop, pace=0), message))[0]
    assert "`README.md` has 13 lines" in answer
    assert "its first 2,000 characters" in answer


@pytest.mark.parametrize(
    "message", ["(" * 5_000, "a" * 100_000, "“" * 3_000, "❲0❳ ❲99❳", "find ❲7❳", "\\" * 999, "in in in " * 500]
)
async def test_odd_messages_get_an_answer_soon(world: World, shop: Path, message: str) -> None:
    """Whatever is written, the run completes."""
    state = await world.answer(make_agent(shop, pace=0), message, deadline=20)
    assert [run.status for run in state.runs.values()] == ["completed"]


async def test_an_empty_folder_is_no_problem(world: World, tmp_path: Path) -> None:
    """Every kind of question has an answer where there is nothing."""
    agent = make_agent(tmp_path, pace=0)
    for question in ("what is here?", "largest file", "tree", "help", "how many lines?", "what kinds of files?", "x?"):
        state = await world.answer(agent, question)
        assert [run.status for run in state.runs.values()] == ["completed"], question

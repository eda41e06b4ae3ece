"""One's own agent by its name, and what is said where there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runs.world import World, said
from threadlog.agents import AgentNotLoaded, load_agent

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with modules, which are forgotten afterwards."""
    path, modules = list(sys.path), set(sys.modules)
    (tmp_path / "pack_of_agents").mkdir()
    (tmp_path / "pack_of_agents" / "__init__.py").touch()
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(folder: Path, name: str, code: str) -> None:
    """Write a module."""
    (folder / name).write_text(code)


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("own_function.py", "async def answer(context, message):\n    await context.say('mine')\n"),
        ("own_generator.py", "async def answer(context, message):\n    yield 'mine'\n"),
        (
            "own_object.py",
            (
                "class Agent:\n    async def __call__(self, context, message):\n        await context.say('mine')\n"
                "answer = Agent()\n"
            ),
        ),
        ("pack_of_agents/inner.py", "async def answer(context, message, extra=None):\n    yield 'mine'\n"),
    ],
)
async def test_an_agent_is_loaded_by_its_name(world: World, folder: Path, module: str, code: str) -> None:
    """An async function, an async generator or an object that is called like one answers messages."""
    write(folder, module, code)
    name = module.removesuffix(".py").replace("/", ".")
    agent = load_agent(f"{name}:answer", folder=folder)
    assert said(await world.answer(agent)) == ["mine"]


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("no_colon", "", "write module:function"),
        ("bad name:x", "", "write module:function"),
        ("nowhere_to_be_found:answer", "", "there is no module 'nowhere_to_be_found'; looked in"),
        ("own:answr", "async def answer(context, message): ...", "has no 'answr'. Did you mean 'answer'?"),
        ("own:answer", "import missing_library", "needs 'missing_library', which is not installed"),
        ("own:answer", "1 / 0", "cannot be imported: ZeroDivisionError"),
        ("own:answer", "def broken(:", "cannot be imported: SyntaxError"),
        ("own:answer", "import sys; sys.exit(1)", "cannot be imported: SystemExit"),
        ("own:answer", "def answer(context, message): ...", "write it as `async def answer(context, message):`"),
        ("own:answer", "answer = 3", "is no agent"),
        ("own:answer", "class answer: ...", "is no agent"),
        ("own:answer", "async def answer(context): ...", "must take two arguments"),
    ],
)
def test_what_is_no_agent_is_refused_with_the_remedy(folder: Path, path: str, code: str, words: str) -> None:
    """Each mistake has its sentence."""
    write(folder, "own.py", code)
    with pytest.raises(AgentNotLoaded) as refused:
        load_agent(path, folder=folder)
    assert words in str(refused.value)

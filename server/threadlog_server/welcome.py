"""What `threadlog serve` says once it answers: where it is, and what to try next."""

from __future__ import annotations

import os
import shlex
import shutil
import sys

from threadlog.cli.output import Output
from threadlog.cli.settings import AgentSettings, Settings


def welcome(output: Output, settings: Settings, url: str) -> None:
    """Print the page. Its command lines work when they are pasted, one after the other."""
    output.line("threadlog is serving", "bold green")
    for label, value in (("at", url), ("log", str(settings.log.url)), ("agent", agent_name(settings.agent))):
        output.spans((f"  {label:<6}", "dim"), (value, ""))
    for title, line in steps(url, str(settings.log.url)):
        output.line()
        output.line(title, "bold")
        output.line(f"  {line}", "cyan")
    output.line()
    ending = f"Ctrl-C stops it. What you see is in the log, and `{program()} --help` lists what to do with it."
    output.line(ending, "dim")
    output.flush()


def steps(url: str, log: str) -> list[tuple[str, str]]:
    """What to try, and the line that does it."""
    json = "-H 'Content-Type: application/json'"
    replay = f"{program()} replay $THREAD --speed 3 --log {shlex.quote(log)}"
    create = f'curl -s {url}/v1/threads {json} -d \'{{"title": "First"}}\''
    return [
        ("1. Start a thread:", f"THREAD=$({create} | grep -o 'thr_[a-z0-9]*'); echo $THREAD"),
        (
            "2. Ask something:",
            f'curl -s {url}/v1/threads/$THREAD/messages {json} -d \'{{"text": "What is in this folder?"}}\'; echo',
        ),
        (
            "3. Watch the answer as it comes:",
            f"curl -sN \"{url}/v1/threads/$THREAD/events?until=run-end\" -H 'Accept: text/event-stream'",
        ),
        ("4. Read what was said:", f"curl -s {url}/v1/threads/$THREAD/items; echo"),
        ("5. See it again as if it were live, three times faster:", replay),
    ]


def program() -> str:
    """How to call this program from anywhere: by its name where the shell finds it, else by where it lies."""
    if shutil.which("threadlog"):
        return "threadlog"
    if os.path.basename(sys.argv[0]) == "threadlog":
        return shlex.quote(os.path.abspath(sys.argv[0]))
    return f"{shlex.quote(sys.executable)} -m threadlog"


def agent_name(agent: AgentSettings) -> str:
    """Who answers, in words."""
    if agent.path is not None:
        return agent.path
    if agent.openai.model is not None:
        return f"{agent.openai.model} at {agent.openai.base_url or 'api.openai.com'}"
    return f"built in; it lists, reads and searches {shlex.quote(str(agent.folder.absolute()))}"

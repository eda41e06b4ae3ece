"""Install the built wheel into an empty environment and use it from an empty folder.

Run as ``python check.py FOLDER``, where FOLDER holds the wheel.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

RUN = {
    "id": "demo-1",
    "messages": [
        {"role": "user", "content": "How late is it?"},
        {"role": "assistant", "content": "Ten past nine."},
    ],
}


def main(folder: Path) -> None:
    """Install, import a run, export it again, and compare."""
    (wheel,) = sorted(folder.glob("threadlog-*.whl"))[-1:]
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        venv.create(home / "venv", with_pip=True)
        run(home, "python", "-m", "pip", "install", "--quiet", f"{wheel}[server,testing]")
        (home / "runs.jsonl").write_text(json.dumps(RUN) + "\n")
        log = f"file:{home / 'log'}"
        run(home, "threadlog", "version")
        run(home, "threadlog", "import", "runs.jsonl", "--log", log)
        out = json.loads(run(home, "threadlog", "export", "--log", log))
        assert (out["id"], out["messages"]) == (RUN["id"], RUN["messages"]), out
        run(home, "threadlog", "serve", "--help")
        run(home, "python", "-c", "import threadlog.testing, threadlog_server, threadlog_file")
    print(f"{wheel.name} works alone")


def run(home: Path, program: str, *arguments: str) -> str:
    """Run a program of the environment in `home`; give back what it printed."""
    done = subprocess.run(
        [home / "venv" / "bin" / program, *arguments], cwd=home, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())

"""Run benchmarks: all of them, or those named on the command line (``python tests/benchmarks append``).

Each part is a module ``bench_NAME.py`` with a coroutine function ``run(effort) -> Found``. It runs as ``threadlog
serve`` does: on uvloop where there is one, and with what was imported out of the garbage collector's sight.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from effort import Effort
from report import Found, save, show

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))  # what tests share: PostgreSQL servers


def main() -> None:
    """Run parts, print their tables, write the numbers."""
    names = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python tests/benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), help="where to write the numbers")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs; the numbers mean nothing")
    loop = "asyncio" if find_spec("uvloop") is None else "uvloop"
    parser.add_argument(
        "--loop", choices=("asyncio", "uvloop"), default=loop, help=f"the event loop; {loop} by default"
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(names):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    load = os.getloadavg()
    parts: dict[str, Found] = {}
    failed = []
    for name in chosen.parts or names:
        try:
            parts[name] = run(name, Effort(quick=chosen.quick), chosen.loop)
        except Exception:  # the other parts' numbers are not to be lost with it
            traceback.print_exc()
            failed.append(name)
        save(chosen.json, parts, load, loop=chosen.loop, quick=chosen.quick)
    if failed:
        sys.exit(f"these parts failed: {', '.join(failed)}; their errors are above.")


def run(name: str, effort: Effort, loop: str) -> Found:
    """Run one part and print its table."""
    module = import_module(f"bench_{name}")
    gc.collect()
    gc.freeze()
    began = perf_counter()
    with asyncio.Runner(loop_factory=loop_factory(loop)) as runner:
        found: Found = runner.run(module.run(effort))
    title = f"{name}: {(module.__doc__ or name).splitlines()[0]}"
    show(f"{title} QUICK: THE NUMBERS MEAN NOTHING." if effort.quick else title, found, perf_counter() - began)
    return found


def loop_factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes event loops of this kind."""
    if loop == "asyncio":
        return None
    import uvloop

    return uvloop.new_event_loop


if __name__ == "__main__":
    main()

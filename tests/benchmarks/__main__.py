"""Run benchmarks: all of them, or those named on the command line (``python tests/benchmarks append``).

Each part is a module ``bench_NAME.py`` with a coroutine function ``run() -> list[Row]``.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from report import Row, save, show

HERE = Path(__file__).parent


def main() -> None:
    """Run parts, print their tables, write the numbers."""
    names = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python tests/benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), help="where to write the numbers")
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(names):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    parts: dict[str, Sequence[Row]] = {}
    for name in chosen.parts or names:
        module = import_module(f"bench_{name}")
        parts[name] = asyncio.run(module.run())
        show((module.__doc__ or name).splitlines()[0], parts[name])
    save(chosen.json, parts)


if __name__ == "__main__":
    main()

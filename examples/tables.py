"""The tables of the README files, from what was measured.

    python examples/tables.py            write them
    python examples/tables.py --check    exit with 1 if one is not current

A table stands between `<!-- NAME: ... -->` and `<!-- end -->`; the number of derivatives on the cover follows from its
table. Objectives come from their pages and from minigan/measured.json; speed, growth, memory and recipes from
examples/measured/; gradients are computed here, in some seconds.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import benchmark_first_run
from benchmarks import growth, memory, report
from benchmarks.cases import MODELS, plain
from benchmarks.report import Row

from minigan import checks, gradcheck, objective_cards
from minigan.atomic import replacing

ROOT = Path(__file__).parents[1]
MEASURED = Path(__file__).parent / "measured"
ENGINE = "minigan/engine/README.md"


def benchmark(name: str, markdown: Callable[[Sequence[Row]], str]) -> str:
    """The table of what `benchmark.py --out` has written, in the order of the models."""
    measured = json.loads((MEASURED / f"{name}.json").read_text())["rows"]
    return markdown(sorted(measured, key=lambda row: (list(MODELS).index(plain(row["name"])), row["batch"])))


def first_run() -> str:
    return benchmark_first_run.markdown(json.loads((MEASURED / "first_run.json").read_text())["parts"])


def recipes() -> str:
    rounds = json.loads((MEASURED / "recipes.json").read_text())["rounds"]
    return "\n\n".join(report.table(one["columns"], one["rows"]) for one in rounds)


def gradients() -> str:
    return gradcheck.markdown(checks.all_errors())


def counted(cover: str, table: str) -> str:
    """The cover with the last line of `minigan gradcheck` for this table."""
    number = sum(int(line.split("|")[-3]) for line in table.splitlines()[2:])
    return re.sub(r"^\d+(?= derivatives checked)", str(number), cover, flags=re.MULTILINE)


TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "objectives": ("minigan/objectives/README.md", objective_cards.markdown),
    "gradients": ("minigan/layers/README.md", gradients),
    "speed": (ENGINE, partial(benchmark, "speed", report.markdown)),
    "growth": (ENGINE, partial(benchmark, "growth", growth.markdown)),
    "memory": (ENGINE, partial(benchmark, "memory", memory.markdown)),
    "first run": (ENGINE, first_run),
    "recipes": ("examples/README.md", recipes),
}


def filled(text: str, name: str, table: str) -> str:
    """The page with this table between its markers; ValueError where there are none."""
    pattern = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"the page must have <!-- {name}: ... --> and <!-- end --> exactly once")
    return pattern.sub(lambda match: f"{match[1]}{table}\n{match[2]}", text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a table is not current")
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES), help="some of the tables")
    flags = parser.parse_args()
    stale = []
    for name in flags.only:
        table, page = TABLES[name][1](), TABLES[name][0]
        pages = {page: lambda text, name=name, table=table: filled(text, name, table)}
        if name == "gradients":
            pages["README.md"] = lambda text, table=table: counted(text, table)
        for file, change in pages.items():
            before = (ROOT / file).read_text(encoding="utf-8")
            after = change(before)
            if after != before:
                stale.append(f"{file}: {name}")
                if not flags.check:
                    with replacing(ROOT / file) as written:
                        written.write(after.encode())
    print("\n".join(stale) if stale else "all tables are current")
    return int(flags.check and bool(stale))


if __name__ == "__main__":
    raise SystemExit(main())

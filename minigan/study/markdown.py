"""A study as Markdown: what the README of the room shows, between two marks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigan.study import analysis, claims
from minigan.study.analysis import Row, of, pairs, values
from minigan.study.page import PUBLISHED

BEGIN, END = "<!-- begin {} -->", "<!-- end {} -->"
BUDGETS = (1, 2, 5)


def text(rows: Sequence[Row]) -> str:
    """Scores by budget, the seeds of the best configurations, the claims, and where the runs were made."""
    wide = of(rows, role="wide")
    hours, failed = sum(row["cpu_seconds"] for row in rows) / 3600, sum(row["status"] != "ok" for row in rows)
    machines = {f"{row['machine']}, NumPy {row['numpy']}, minigan {row['minigan']}" for row in rows}
    steps = sorted({row["steps"] for row in rows})
    facts = (
        f"{len(rows)} runs of {' or '.join(f'{n:,}' for n in steps)} steps, {failed} failed; {hours:.1f} hours of CPU"
    )
    parts = [f"{facts} time ({'; '.join(sorted(machines))})."]
    for data in dict.fromkeys(data for _, data in pairs(wide)):
        parts.append(_scores(rows, data))
    decided = [(v.claim, f"**{v.verdict}**", v.because) for v in claims.verdicts(rows)]
    return "\n\n".join([*parts, _table(["claim", "verdict", "because"], decided)])


def _scores(rows: Sequence[Row], data: str) -> str:
    body = []
    for model in [model for model, source in pairs(of(rows, role="wide")) if source == data]:
        scores = values(of(rows, model=model, data=data, role="wide"))
        n = len(scores)
        budgets = [f"{analysis.expected_minimum(scores, b):.3g}" if b <= n else "" for b in BUDGETS]
        default = values(of(rows, model=model, data=data, role="wide", sample=0))
        seeds = analysis.seeds(values(of(rows, model=model, data=data, role="repeat"), "test"))
        first = f"{default[0]:.3g}" if len(default) and np.isfinite(default[0]) else "failed"
        best = f"{scores.min():.3g}" if np.isfinite(scores).any() else "failed"
        body.append([model, str(n), first, *budgets, best, seeds])
    head = [data, "runs", "default", *(f"budget {b}" for b in BUDGETS), "best", "best, seeds"]
    return _table(head, body)


def published() -> str:
    """The numbers of the study itself."""
    return _table(["FID, 50 seeds", "MNIST", "Fashion-MNIST"], [[model, *fid] for model, fid in PUBLISHED.items()])


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def replaced(page: str, name: str, content: str) -> str:
    """The page with `content` between the marks of this name; ValueError where they are not there once each."""
    begin, end = BEGIN.format(name), END.format(name)
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"the page must have {begin} and {end} once each")
    head, rest = page.split(begin)
    return f"{head}{begin}\n{content}\n{end}{rest.split(end)[1]}"

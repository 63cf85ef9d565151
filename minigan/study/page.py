"""The page of a study: figures, tables and verdicts in one HTML file that needs nothing else."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minigan.atomic import replacing
from minigan.html import Html, data_uri, document, element, joined, paragraphs
from minigan.html import figure as framed
from minigan.html import rows as tabled
from minigan.study import analysis, claims, figures
from minigan.study.analysis import PARAMS, Row, of, pairs, values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = "figure { margin: 1rem 0; } figure img { max-width: 100%; height: auto; background: #fff; }"
# Lucic et al. 2018, table of the best configurations: FID, mean and deviation of 50 seeds, other extractor and length.
PUBLISHED = {
    "mm": ("9.8 ± 0.9", "29.6 ± 1.6"),
    "ns": ("6.8 ± 0.5", "26.5 ± 1.6"),
    "lsgan": ("7.8 ± 0.6", "30.7 ± 2.2"),
    "wgan": ("6.7 ± 0.4", "21.5 ± 1.6"),
    "wgan_gp": ("20.3 ± 5.0", "24.5 ± 2.1"),
    "dragan": ("7.6 ± 0.4", "27.7 ± 1.2"),
    "began": ("13.1 ± 1.0", "22.9 ± 0.9"),
    "vae": ("23.8 ± 0.6", "58.7 ± 1.2"),
}


def write(path: Path, rows: Sequence[Row], title: str) -> None:
    """Write the page of a table of runs."""
    with replacing(path) as file:
        file.write(html(rows, title).encode())


def html(rows: Sequence[Row], title: str) -> str:
    """The page as text."""
    parts = {
        "The claims, decided by these results": _claims(rows),
        "Budget": _figure(figures.budgets(rows), "the expected best score against the number of runs", BUDGET),
        "Search": _figure(figures.boxes(rows), "box plots of the scores of all configurations", SEARCH),
        "Who beats whom": joined([_chances(rows, data) for data in _sets(rows)]),
        "Seeds": _seeds(rows),
        "Best configurations": _best(rows),
        "What the score depends on": _sensitivity(rows),
        "Triangles": _figure(figures.precision_recall(rows), "precision against recall", TRIANGLES),
        "Published": _published(),
    }
    body = [element("section", element("h2", name), content) for name, content in parts.items() if content]
    facts = f"{len(rows)} runs, {sum(row['cpu_seconds'] for row in rows) / 3600:.1f} hours of CPU time, "
    facts += f"{sum(row['status'] != 'ok' for row in rows)} failed. {_where(rows)}"
    written = f"Written {time.strftime('%Y-%m-%d %H:%M')} by minigan study report."
    header = element("header", element("h1", title), paragraphs(facts))
    return document(title, header, element("main", *body), element("footer", paragraphs(written)), style=STYLE)


BUDGET = "The exact mean of the best of so many runs of the wide search, with the 95 % band of 5,000 resamples."
SEARCH = "All configurations of the wide search that ended; a cross is the model's default."
TRIANGLES = "Precision and recall at a squared distance of 0.75 from the manifold of all triangles."


def _where(rows: Sequence[Row]) -> str:
    places = sorted({f"{row['machine']}, minigan {row['minigan']}, NumPy {row['numpy']}" for row in rows})
    return "; ".join(places)


def _sets(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(data for _, data in pairs(rows)))


def _claims(rows: Sequence[Row]) -> Html:
    body = [(verdict.claim, verdict.verdict, verdict.because) for verdict in claims.verdicts(rows)]
    return tabled(["claim", "verdict", "because"], body, "What the study claimed")


def _chances(rows: Sequence[Row], data: str) -> Html:
    names, rng = figures.models(rows, data), np.random.default_rng(0)
    scores = {name: values(of(rows, model=name, data=data, role="wide")) for name in names}
    n = min((len(x) for x in scores.values()), default=0)
    body = []
    for a in names:
        cells = ["" if a == b else f"{analysis.beats(scores[a], scores[b], n, rng):.2f}" for b in names]
        body.append([a, *cells])
    return tabled(["", *names], body, f"{data}: probability that the best of {n} runs of the row beats the column's")


def _seeds(rows: Sequence[Row]) -> Html:
    chart = _figure(figures.seeds(rows), "scores of the best configurations with several seeds", "One mark per seed.")
    body = []
    for model, data in pairs(of(rows, role="repeat")):
        repeats = of(rows, model=model, data=data, role="repeat")
        for column, name in (("score", "chosen by"), ("test", "reported")):
            summary = analysis.summary(values(repeats, column))
            cells = [_number(summary.get(key)) for key in SUMMARY]
            body.append([f"{data}, {model}", name, *cells])
    if not body:
        return Html("")
    return joined([chart, tabled(["", "score", *SUMMARY], body, "Outliers, above twice the median, are counted")])


SUMMARY = ("mean", "deviation", "median", "min", "max", "failed", "outliers", "mean_without", "deviation_without")


def _best(rows: Sequence[Row]) -> Html:
    best, body = analysis.best(rows), []
    for (model, data), (number, params) in best.items():
        (row,) = of(rows, model=model, data=data, role="wide", sample=number)
        cells = [_number(row[name]) for name in ("score", "test", "test_min")]
        body.append([f"{data}, {model}", *cells, *(_number(params.get(name)) for name in PARAMS)])
    head = ["", "score", "reported", "least reported", *PARAMS]
    return tabled(head, body, "The best configuration of the wide search")


def _sensitivity(rows: Sequence[Row]) -> Html:
    body = []
    for model, data in pairs(of(rows, role="wide")):
        runs = of(rows, model=model, data=data, role="wide")
        known, sensitivity = figures.finite(values(runs)), analysis.sensitivity(runs)
        quantiles = np.quantile(known, (0, 0.25, 0.5, 0.75, 1)) if len(known) else []
        cells = [_number(float(q)) for q in quantiles] or [""] * 5
        body.append([f"{data}, {model}", *cells, *(_number(sensitivity.get(name)) for name in PARAMS)])
    head = ["", "least", "25 %", "median", "75 %", "largest", *PARAMS]
    return tabled(head, body, "Quantiles of the wide search, and rank correlations of the score with each parameter")


def _published() -> Html:
    note = (
        "The numbers of the study itself, to compare their order, not their size: its extractor is Inception, its "
        "networks are wider and its runs longer."
    )
    body = [(model, *numbers) for model, numbers in PUBLISHED.items()]
    table = tabled(["", "MNIST", "Fashion-MNIST"], body, "FID, best wide configuration, 50 seeds (Lucic et al. 2018)")
    return joined([paragraphs(note), table])


def _number(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, int | float) else ""


def _figure(figure: Figure | None, alt: str, caption: str) -> Html:
    if figure is None:
        return Html("")
    width, height = (int(inches * figure.dpi) for inches in figure.get_size_inches())
    return framed(data_uri("image/png", png(figure)), alt, caption, (width, height))


def png(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()

"""Cards: what each objective's page and its measured runs say, laid out for the terminal and for README."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from minigan import docpages, objectives
from minigan.docpages import INDENT
from minigan.objectives.objective import OUTPUTS, Defaults, Objective
from minigan.training import recipes

MEASURED = Path(__file__).with_name("measured.json")  # written by examples/compare_objectives.py
WIDTH = 120  # columns of a terminal
OPTIMIZERS = {"adam": "Adam", "adamax": "AdaMax", "rmsprop": "RMSProp", "sgd": "SGD"}


@dataclass(frozen=True)
class Row:
    """The row of an objective in the table, in words; `ring` and `digits` are empty where nothing was measured."""

    name: str
    idea: str  # one sentence
    output: str  # of D
    constraint: str  # on D
    optimizer: str  # with its numbers, and D steps : G steps
    source: str  # authors and year
    ring: str
    digits: str


@dataclass(frozen=True)
class Ring:
    """A training on the ring of Gaussians: how many were found, the share of good points, and what it took."""

    found: int
    modes: int
    good: float
    seconds: float
    steps: int
    choices: dict[str, Any]  # in place of the recipe's

    def __str__(self) -> str:
        outcome = f"ring of Gaussians: {self.found} of {self.modes} found, {100 * self.good:.0f} % of the points good"
        return f"{outcome}, {_effort(self.steps, self.seconds, self.choices)}"


@dataclass(frozen=True)
class Digits:
    """A training on the digits: the share of samples a classifier recognises, in how many classes, what it took."""

    recognised: float
    classes: int
    seconds: float
    steps: int
    choices: dict[str, Any]

    def __str__(self) -> str:
        outcome = f"digits: {100 * self.recognised:.0f} % recognised, {self.classes} of 10 classes"
        return f"{outcome}, {_effort(self.steps, self.seconds, self.choices)}"


def rows() -> list[Row]:
    """One row per objective, in the order of `objectives.names()`."""
    results = measured()
    return [_row(name, results.get(name, {})) for name in objectives.names()]


def table() -> str:
    """All objectives for a terminal of 120 columns: the idea, and below it output, constraint, optimizer and source."""
    shown = rows()
    margin = 2 + max(len(row.name) for row in shown)
    widths = (23, 23, 31, WIDTH - margin - 23 - 23 - 31)
    heads = ("D's output", "constraint", "optimizer, D : G steps", "source")
    lines = [f"{'name':<{margin}}idea", *_beside(heads, widths, margin), "-" * WIDTH]
    for row in shown:
        first, *more = textwrap.wrap(row.idea, WIDTH - margin)
        lines += [f"{row.name:<{margin}}{first}", *(" " * margin + line for line in more)]
        lines += _beside((row.output, row.constraint, row.optimizer, row.source), widths, margin)
    return "\n".join([*lines, "", "minigan objectives NAME: losses, gradients, defaults, a healthy run, how it fails"])


def markdown() -> str:
    """All objectives as README's table, with columns of what was measured where there is something."""
    shown = rows()
    heads = ["name", "idea", "D's output", "constraint", "source"]
    cells = [[f"`{row.name}`", row.idea, row.output, row.constraint, row.source] for row in shown]
    results = {"ring: found, good": [row.ring for row in shown], "digits: recognised": [row.digits for row in shown]}
    for head, column in results.items():
        if any(column):
            heads.append(head)
            cells = [[*line, cell] for line, cell in zip(cells, column, strict=True)]
    lines = [heads, ["---"] * len(heads), *([re.sub(r"([|<*])", r"\\\1", cell) for cell in line] for line in cells)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def card(name: str) -> str:
    """The page of one objective for a terminal: its docstring, its family's, its numbers. ValueError: unknown name."""
    page, objective, results = objectives.find(name), objectives.get(name), measured().get(name, {})
    facts = {
        "Optimizer": f"{_optimizer(objective)} (D : G steps), batches of {objective.defaults.batch_size}",
        "Hyper": ", ".join(_hyperparameters(page)),
        "D's output": f"{OUTPUTS[objective.output]}; constraint: {objective.constraint}",
        "Recipes": "; ".join(f"{kind}: {_choices(name, kind == 'points')}" for kind in ("points", "images")),
        "Measured": "; ".join(map(str, results.values())),
    }
    family = [base for base in page.__mro__[1:] if issubclass(base, Objective) and "name" not in vars(base)]
    shared = [f"{base.__name__}: {docpages.text(base)}" for base in family if base is not Objective]
    facts_text = "\n".join(_paragraph(label, text) for label, text in facts.items() if text)
    return "\n\n".join([name, docpages.text(page), *shared, facts_text])


def paragraphs(name: str) -> dict[str, str]:
    """The labelled paragraphs of an objective's page, label to text; "D, G" labels both."""
    return docpages.paragraphs(objectives.find(name))


def measured() -> dict[str, dict[str, Ring | Digits]]:
    """The measured results, by objective and data ("ring", "digits"); nothing where the file is missing.

    ValueError: the file is not what examples/compare_objectives.py writes.
    """
    if not MEASURED.exists():
        return {}
    kinds = {"ring": Ring, "digits": Digits}
    try:
        results = json.loads(MEASURED.read_text(encoding="utf-8"))
        return {
            name: {kind: kinds[kind](**numbers) for kind, numbers in parts.items()} for name, parts in results.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{MEASURED}: expected what examples/compare_objectives.py writes ({error!r})") from error


def _row(name: str, results: dict[str, Ring | Digits]) -> Row:
    objective, ring, digits = objectives.get(name), results.get("ring"), results.get("digits")
    return Row(
        name=name,
        idea=docpages.idea(type(objective)),
        output=OUTPUTS[objective.output].split(" (")[0].removeprefix("a "),
        constraint=objective.constraint,
        optimizer=_optimizer(objective),
        source=_source(paragraphs(name)["Source"]),
        ring=f"{ring.found} of {ring.modes}, {100 * ring.good:.0f} %" if isinstance(ring, Ring) else "",
        digits=f"{100 * digits.recognised:.0f} %" if isinstance(digits, Digits) else "",
    )


def _source(text: str) -> str:
    """Who and when: up to the first year, and of three or more authors the first."""
    who = re.split(r"(?<=\b(?:19|20)\d\d)\b", " ".join(text.split()), maxsplit=1)[0]
    return re.sub(r"^([^,]+),.* (\d{4})$", r"\1 et al. \2", who)


def _optimizer(objective: Objective) -> str:
    defaults: Defaults = objective.defaults
    betas = f" ({defaults.betas[0]:g}, {defaults.betas[1]:g})" if defaults.optimizer in ("adam", "adamax") else ""
    d_steps = defaults.n_critic if objective.trains_d else 0
    return f"{OPTIMIZERS[defaults.optimizer]} {_rate(defaults.lr)}{betas}, {d_steps}:1"


def _rate(rate: float) -> str:
    """A learning rate as papers print it: 2e-4."""
    digits, exponent = f"{rate:e}".split("e")
    return f"{rate:g}" if rate >= 0.01 else f"{float(digits):g}e{int(exponent)}"


def _hyperparameters(page: type[Objective]) -> Iterator[str]:
    """NAME=VALUE with the default, as `minigan train --hyper` takes it: JSON, and texts without quotes."""
    for name, parameter in inspect.signature(page).parameters.items():
        if name != "rng":
            value = parameter.default
            yield f"{name}={value if isinstance(value, str) else json.dumps(value, separators=(',', ':'))}"


def _choices(name: str, points: bool) -> str:
    """The recipe that `minigan train` starts from, as NAME=VALUE."""
    return ", ".join(f"{key}={value}" for key, value in recipes.choices(name, points).items() if value is not None)


def _effort(steps: int, seconds: float, choices: dict[str, Any]) -> str:
    chosen = "".join(f", {name}={value}" for name, value in choices.items())
    return f"{steps:,} steps in {seconds:.0f} s of one core{chosen}"


def _paragraph(label: str, text: str) -> str:
    head = f"{label:<{INDENT}}"
    return textwrap.fill(head + text, WIDTH, subsequent_indent=" " * INDENT, break_on_hyphens=False)


def _beside(cells: Sequence[str], widths: Sequence[int], margin: int) -> list[str]:
    """Cells next to each other, each wrapped to its width."""
    columns = [textwrap.wrap(cell, width - 2) for cell, width in zip(cells, widths, strict=True)]
    lines = zip_longest(*columns, fillvalue="")
    return [(" " * margin + "".join(map("{:<{}}".format, line, widths))).rstrip() for line in lines]

"""Sections: what was recorded, as the sections of a page."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from minigan.explain.events import Aftermath, Event, Loss, Penalty, Row, Sweep, Update
from minigan.explain.layout import Line, Section, Story, number
from minigan.explain.pages import LABELS, Page, objective_formulas, page, spot, with_inner
from minigan.explain.step import Explanation
from minigan.explain.warnings import FAINT, JUMP, TOTAL, loss_marks, slope, sweep_marks
from minigan.layers import Layer
from minigan.training import registry
from minigan.training.config import OWN, Config

THRESHOLDS = (
    f"a layer makes the gradient over {JUMP:g} times longer or shorter, or all layers of the pass together over "
    f"{TOTAL:,.0f} times: it explodes or vanishes; ▼ at a loss: a slope below {FAINT:g} per sample"
)
TERMS = [
    ("rms", "root mean square of an array's numbers: their typical size"),
    (
        "gain",
        "the length of a layer's output in the pass, divided by that of its input; length: root of the sum of squares",
    ),
    ("▲ ▼", THRESHOLDS),
    ("∅ !", "no gradient passes; a number is not finite"),
    (
        "d, dd",
        "d + name: gradient of the loss with respect to name; dd + name: gradient of a penalty with respect to that",
    ),
]
OUT = {"forward": "y", "backward": "dx", "slope": "dx", "twice": "ddy", "back": "dx"}


def describe(config: Config, explained: Explanation) -> Story:
    """The story of a step."""
    parts = [part for part in explained.parts if part.events]
    return Story(
        title=f"One step of {_named(config)}",
        about=_about(config, [part.turn for part in parts], explained.prepared),
        terms=TERMS,
        parts=[
            (f"Turn {part.turn}", part.purpose, [section for event in part.events for section in _sections(event)])
            for part in parts
        ],
        pages=_pages([event for part in parts for event in part.events]),
    )


def _named(config: Config) -> str:
    """The networks and the objective, in a few words."""
    if config.system in ("gan", OWN):
        return f"{config.model} with {config.objective}"
    return f"{config.system} with {config.objective}" if "objective" in _fields(config) else config.system


def _fields(config: Config) -> list[str]:
    """Of the names of a run those that its system has."""
    known = (*registry.entry(config.system).fields, "data")
    return [name for name in ("model", "objective", "data") if name in known]


def _about(config: Config, turns: list[str], prepared: bool) -> str:
    fields = ("model", "objective", "data") if config.system == OWN else _fields(config)
    flags = "" if config.system in ("gan", OWN) else f"{config.system} "
    flags += " ".join(f"--{name} {getattr(config, name)}" for name in fields)
    flags += "" if config.penalty is None else f" --penalty {config.penalty}"
    flags += " --spectral-norm" if config.spectral_norm else ""
    flags += "".join(f" --hyper {name}={value}" for name, value in config.hyper.items()) + _options(config)
    command = "" if config.system == OWN else f" and the numbers of: minigan train {flags}"
    players = " and one of ".join(turns)
    before = " The system was prepared with these samples only." if prepared else ""
    return (
        f"One turn of {players}, with the untrained networks{command}; on {config.batch_size} samples, seed "
        f"{config.seed}. These are the networks, losses and optimizers of a run.{before}"
    )


def _options(config: Config) -> str:
    """The system's own choices as flags, where they are not its defaults."""
    usual = {} if config.system == OWN else Config(system=config.system).options
    flags = ""
    for name, value in config.options.items():
        flag = name.replace("_", "-")
        if value == usual.get(name, value):
            continue
        if isinstance(value, bool):
            flags += f" --{flag}" if value else f" --no-{flag}"
        else:
            flags += f" --{flag} {value}"
    return flags


def _pages(events: Sequence[Event]) -> list[Page]:
    """The page of each class of layers with the formulas that were used, in the order of appearance; SpectralNorm's
    with that of the layer inside."""
    used: dict[type[Layer], tuple[Layer, set[str]]] = {}
    for sweep in (event for event in events if isinstance(event, Sweep)):
        for row in sweep.rows:
            for layer in with_inner(row.layer):
                used.setdefault(type(layer), (layer, set()))[1].add(LABELS[sweep.kind])
    return [page(layer, labels) for layer, labels in used.values()]


def _sections(event: Event) -> list[Section]:
    """The sections of an event; none for a pass that no layer took part in."""
    if isinstance(event, Sweep):
        return [_sweep(event)] if event.rows else []
    if isinstance(event, Loss):
        return [_loss(event)]
    if isinstance(event, Penalty):
        return [_penalty(event)]
    return [_update(event) if isinstance(event, Update) else _aftermath(event)]


def _loss(event: Loss) -> Section:
    marks = loss_marks(event)
    lines = [
        Line((name, str(grad.shape), number(grad.rms), number(slope(grad))), mark, rms=grad.rms)
        for (name, grad), mark in zip(event.gradients.items(), marks, strict=True)
    ]
    method = "d_loss" if event.side == "D" else "joint_g_loss" if event.objective.compares else "g_loss"
    formulas = objective_formulas(event.objective, (event.side,), method)
    title = f"{event.side}'s loss L = {number(event.value)}"
    heads = ("", "shape", "rms", "slope per sample")
    return Section(title, event.call, formulas, event.method, heads, lines, gradient=True)


def _penalty(event: Penalty) -> Section:
    owners = (event.objective, *event.objective.borrowed)
    formulas = [pair for owner in owners for pair in objective_formulas(owner, ("Penalty", "Its way"), "penalty")]
    written = [getattr(type(owner), "penalty", None) for owner in owners]
    method = next((spot(penalty) for penalty in written if penalty is not None), None)
    title = f"the penalty on D's slope R = {number(event.value)}: its passes follow"
    return Section(title, event.call, formulas, method)


def _aftermath(event: Aftermath) -> Section:
    formulas = objective_formulas(event.objective, ("Constraint", "State"), "after_d_update")
    lines = [Line((name, f"{100 * share:.3g} % of its numbers changed")) for name, share in event.changed.items()]
    lines += [Line((name, f"{number(old)} → {number(new)}")) for name, (old, new) in event.numbers.items()]
    title = "what the objective does after D's update"
    return Section(title, event.call, formulas, event.method, ("", "what happens"), lines)


def _sweep(sweep: Sweep) -> Section:
    label, asked = LABELS[sweep.kind], any(row.params for row in sweep.rows)
    extra = any(row.extra for row in sweep.rows)
    heads = ["layer", OUT[sweep.kind], "rms", *(["gain"] if sweep.kind != "forward" else [])]
    heads += (["rms of its parameters' gradients"] if asked else []) + (["rms of what it adds to dx"] if extra else [])
    width = max(len(row.place) for row in sweep.rows)
    incoming = {"forward": "x", "twice": "ddx"}.get(sweep.kind, "dy")
    first = (f"{'':>{width}} {incoming}", str(sweep.into.shape), number(sweep.into.rms))
    lines = [Line(first + ("",) * (len(heads) - 3), rms=sweep.into.rms)]
    for row, mark in zip(sweep.rows, sweep_marks(sweep), strict=True):
        cells = _cells(row, width, len(heads), sweep.kind != "forward", asked, extra)
        lines.append(Line(cells, mark, row.layer, label, None if row.out is None else row.out.rms))
    gradient = sweep.kind != "forward"
    return Section(_title(sweep, asked), sweep.call, [], None, tuple(heads), lines, sweep.network, gradient)


def _cells(row: Row, width: int, columns: int, gain: bool, asked: bool, extra: bool) -> tuple[str, ...]:
    name = f"{row.place:>{width}} {type(row.layer).__name__}"
    cells = [name, *(("not needed", "") if row.out is None else (str(row.out.shape), number(row.out.rms)))]
    cells += [("" if row.gain is None else f"× {number(row.gain)}")] if gain else []
    cells += [", ".join(f"d{name} {number(grad.rms)}" for name, grad in row.params.items())] if asked else []
    cells += ["" if row.extra is None else f"dx {number(row.extra.rms)}"] if extra else []
    assert len(cells) == columns
    return tuple(cells)


def _title(sweep: Sweep, asked: bool) -> str:
    if sweep.kind == "forward":
        return f"forward through {sweep.network}: {sweep.about}"
    if sweep.kind == "slope":
        return f"back through {sweep.network} at {sweep.about}: the slope that the penalty measures"
    if sweep.kind == "twice":
        return (
            f"the second-order pass through {sweep.network}: from the first layer to the last, through the pass above"
        )
    if sweep.kind == "back":
        return "and back again: what curved layers add to the gradients of their inputs"
    wanted = "gradients of its weights" if asked else "the gradient of its input"
    return f"back through {sweep.network} for {sweep.about}: {wanted}"


def _update(event: Update) -> Section:
    steps = [line for line in inspect.cleandoc(event.rule.__doc__ or "").splitlines() if "←" in line]
    lines = [
        Line((move.name, str(move.weight.shape), *(number(size.rms) for size in (move.weight, move.grad, move.change))))
        for move in event.moves
    ]
    heads = ("parameter", "shape", "rms", "rms of gradient", "rms of change")
    name, method = event.rule.__name__, getattr(event.rule, "update", None) or event.rule.step  # type: ignore[attr-defined]
    formulas = [(name, "\n".join(steps))] if steps else []
    return Section(f"{name} moves {event.player}", event.call, formulas, spot(method), heads, lines)

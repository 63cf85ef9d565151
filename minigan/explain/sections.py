"""Tell: the story of what was noted."""

from __future__ import annotations

import inspect

from minigan import objectives, optim
from minigan.explain.events import Aftermath, Event, Loss, Penalty, Row, Sweep, Update
from minigan.explain.layout import Line, Section, Story, number
from minigan.explain.pages import LABELS, Page, game_formulas, page, spot, with_inner
from minigan.explain.step import Explanation
from minigan.explain.warnings import FAINT, JUMP, TOTAL, loss_marks, slope, sweep_marks
from minigan.layers import Layer
from minigan.training.config import Config

THRESHOLDS = (
    f"a layer makes the gradient over {JUMP:g} times longer or shorter; or all of them since the sweep began over "
    f"{TOTAL:,.0f} times: it explodes, it vanishes; ▼ at a loss: a slope below {FAINT:g} per sample"
)
WORDS = [
    ("rms", "root mean square of an array's numbers: how large one of them typically is"),
    ("gain", "length (root of the sum of squares) of what leaves a layer in a sweep, over that of what comes in"),
    ("▲ ▼", THRESHOLDS),
    ("∅ !", "no gradient passes; a number is not finite"),
    ("d, dd", "d + name: gradient of the loss by name; dd + name: gradient of a penalty by that gradient"),
]
OUT = {"forward": "y", "backward": "dx", "slope": "dx", "third": "ddy", "home": "dx"}


def tell(config: Config, explained: Explanation) -> Story:
    """The story of a step."""
    teller = _Teller(config, explained.objective)
    d_part = [section for event in explained.d_events for section in teller.sections(event)]
    g_part = [section for event in explained.g_events for section in teller.sections(event)]
    parts = [("The generator's step", "moves G to please D; D stays as it is", g_part)]
    if d_part:
        parts.insert(0, ("The discriminator's step", "moves D to tell real samples from G's", d_part))
    return Story(
        title=f"One step of {config.model} with {config.objective}",
        about=_about(config, explained.objective),
        words=WORDS,
        parts=parts,
        pages=_pages([*explained.d_events, *explained.g_events]),
    )


def _about(config: Config, game: objectives.Objective) -> str:
    flags = f"--model {config.model} --objective {config.objective} --data {config.data}"
    flags += "" if config.penalty is None else f" --penalty {config.penalty}"
    flags += " --spectral-norm" if config.spectral_norm else ""
    players = "One step of D and one of G" if game.trains_d else "One step of G (this game has no D to train)"
    prepared = " The game prepared itself with these samples only." if game.passes else ""
    return (
        f"{players}, with the untrained networks and the numbers of: minigan train {flags}; on {config.batch_size} "
        f"samples, seed {config.seed}. Networks, losses and optimizers are those that train, watched.{prepared}"
    )


def _pages(events: list[Event]) -> list[Page]:
    """The page of each class of layers with the formulas that were used, in the order of appearance; SpectralNorm's
    with that of the layer inside."""
    used: dict[type[Layer], tuple[Layer, set[str]]] = {}
    for sweep in (event for event in events if isinstance(event, Sweep)):
        for row in sweep.rows:
            for layer in with_inner(row.layer):
                used.setdefault(type(layer), (layer, set()))[1].add(LABELS[sweep.kind])
    return [page(layer, labels) for layer, labels in used.values()]


class _Teller:
    """Turns events into sections, knowing the game."""

    def __init__(self, config: Config, game: objectives.Objective) -> None:
        self.game = game
        self.payees = [game] if config.penalty is None else [game, objectives.get(config.penalty)]

    def sections(self, event: Event) -> list[Section]:
        """The sections of an event; none for a sweep that no layer took part in."""
        if isinstance(event, Sweep):
            return [_sweep(event)] if event.rows else []
        if isinstance(event, Loss):
            return [self._loss(event)]
        if isinstance(event, Penalty):
            return [self._penalty(event)]
        return [_update(event) if isinstance(event, Update) else self._aftermath(event)]

    def _loss(self, event: Loss) -> Section:
        marks = loss_marks(event)
        rows = zip(event.gradients.items(), marks, strict=True)
        lines = [
            Line((name, str(grad.shape), number(grad.rms), number(slope(grad))), mark, rms=grad.rms)
            for (name, grad), mark in rows
        ]
        method = "d_loss" if event.player == "D" else "joint_g_loss" if self.game.compares else "g_loss"
        told = game_formulas(self.game, (event.player,), method)
        title = f"{event.player}'s loss L = {number(event.value)}"
        heads = ("", "shape", "rms", "slope per sample")
        return Section(title, event.call, told, event.method, heads, lines, gradient=True)

    def _penalty(self, event: Penalty) -> Section:
        told = [pair for payee in self.payees for pair in game_formulas(payee, ("Penalty", "Its way"), "penalty")]
        written = [getattr(type(payee), "penalty", None) for payee in self.payees]
        method = next((spot(penalty) for penalty in written if penalty is not None), None)
        title = f"the penalty on D's slope R = {number(event.value)}: its sweeps follow"
        return Section(title, event.call, told, method)

    def _aftermath(self, event: Aftermath) -> Section:
        told = game_formulas(self.game, ("Constraint", "State"), "after_d_update")
        lines = [Line((name, f"{100 * share:.3g} % of its numbers changed")) for name, share in event.changed.items()]
        lines += [Line((name, f"{number(old)} → {number(new)}")) for name, (old, new) in event.numbers.items()]
        title = "what the game does behind D's update"
        return Section(title, event.call, told, event.method, ("", "what happens"), lines)


def _sweep(sweep: Sweep) -> Section:
    label, asked = LABELS[sweep.kind], any(row.params for row in sweep.rows)
    owed = any(row.owed for row in sweep.rows)
    heads = ["layer", OUT[sweep.kind], "rms", *(["gain"] if sweep.kind != "forward" else [])]
    heads += (["rms of its parameters' gradients"] if asked else []) + (
        ["rms of what it owes its input"] if owed else []
    )
    width = max(len(row.place) for row in sweep.rows)
    incoming = {"forward": "x", "third": "ddx"}.get(sweep.kind, "dy")
    first = (f"{'':>{width}} {incoming}", str(sweep.into.shape), number(sweep.into.rms))
    lines = [Line(first + ("",) * (len(heads) - 3), rms=sweep.into.rms)]
    for row, mark in zip(sweep.rows, sweep_marks(sweep), strict=True):
        cells = _cells(row, width, len(heads), sweep.kind != "forward", asked, owed)
        lines.append(Line(cells, mark, row.layer, label, None if row.out is None else row.out.rms))
    gradient = sweep.kind != "forward"
    return Section(_title(sweep, asked), sweep.call, [], None, tuple(heads), lines, sweep.network, gradient)


def _cells(row: Row, width: int, columns: int, gain: bool, asked: bool, owed: bool) -> tuple[str, ...]:
    name = f"{row.place:>{width}} {type(row.layer).__name__}"
    cells = [name, *(("not asked", "") if row.out is None else (str(row.out.shape), number(row.out.rms)))]
    cells += [("" if row.gain is None else f"× {number(row.gain)}")] if gain else []
    cells += [", ".join(f"d{name} {number(grad.rms)}" for name, grad in row.params.items())] if asked else []
    cells += ["" if row.owed is None else f"owes dx {number(row.owed.rms)}"] if owed else []
    assert len(cells) == columns
    return tuple(cells)


def _title(sweep: Sweep, asked: bool) -> str:
    if sweep.kind == "forward":
        return f"G paints from {sweep.about}" if sweep.network == "G" else f"D looks at {sweep.about}"
    if sweep.kind == "slope":
        return f"back through D at {sweep.about}: its slope, which the penalty is on"
    if sweep.kind == "third":
        return "the third sweep: the penalty's gradient goes up through what made the slope"
    if sweep.kind == "home":
        return "and down again: what curved layers owe their inputs"
    wanted = "gradients of its weights" if asked else "what would make the samples more convincing?"
    samples = f" for {sweep.about}" if sweep.network == "D" else ""
    return f"back through {sweep.network}{samples}: {wanted}"


def _update(event: Update) -> Section:
    kind = getattr(optim, event.rule)
    steps = [line for line in inspect.cleandoc(kind.__doc__ or "").splitlines() if "←" in line]
    lines = [
        Line((move.name, str(move.weight.shape), *(number(size.rms) for size in (move.weight, move.grad, move.change))))
        for move in event.moves
    ]
    heads = ("parameter", "shape", "rms", "rms of gradient", "rms of change")
    told = [(event.rule, "\n".join(steps))] if steps else []
    return Section(f"{event.rule} moves {event.player}", event.call, told, spot(kind._update), heads, lines)

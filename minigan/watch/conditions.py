"""Conditions: what can be wrong with a run, by what sign it is known, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from minigan.watch import signs
from minigan.watch.facts import Facts

Judge = Callable[[signs.Point, signs.Levels, Facts], str | None]


@dataclass(frozen=True)
class Condition:
    """A `name`, a sign to `judge` log points by, the usual `remedy`, what to say when it is `over`, `patience`, the
    points in a row after which it begins or ends, and `wants`: which number the remedy makes larger or smaller."""

    name: str
    judge: Judge
    remedy: str
    over: str
    patience: int
    wants: tuple[str, ...] = ()

    def advice(self, active: Collection[str]) -> str:
        """The remedy, while the conditions of these names are active too; a larger number is not advised where another
        one asks for a smaller: too large a rate also stops a network, and too wide a clip fills its bounds."""
        against = {want.replace("larger", "smaller") for want in self.wants if want.startswith("larger")}
        first = [one.name for one in CONDITIONS if one.name in active and against.intersection(one.wants)]
        return (
            f"This is a usual consequence of the other condition, {first[0]}: mend that first."
            if first
            else self.remedy
        )


CONDITIONS = (
    Condition(
        "mode collapse",
        signs.collapsed,
        "Usual remedies: a smaller learning rate, another objective (wgan-gp, ragan), larger batches; "
        "in the first epochs it often ends without help.",
        "Mode collapse is over: nothing is missing any more.",
        patience=2,
        wants=("smaller rate",),
    ),
    Condition(
        "saturated discriminator",
        signs.saturated,
        "Usual remedies: a smaller learning rate for D than for G, --real-label 0.9, --penalty r1 or --spectral-norm.",
        "D no longer separates the samples too well.",
        patience=5,
    ),
    Condition(
        "vanishing generator gradient",
        signs.vanishing,
        "Usual remedies: --objective nonsaturating in place of minimax, a weaker D (smaller learning rate, a penalty), "
        "or a larger clip where weights are clipped.",
        "G's gradient is back.",
        patience=5,
        wants=("larger clip",),
    ),
    Condition(
        "frozen generator",
        signs.frozen,
        "Usual remedies: a larger learning rate for G; where the gradient is zero, look for the layer that stops it.",
        "G moves again.",
        patience=3,
        wants=("larger rate",),
    ),
    Condition(
        "explosion",
        signs.exploding,
        "Usual remedies: a smaller learning rate, --penalty r1, --spectral-norm, a smaller clip where weights are "
        "clipped.",
        "Gradients and scores are back in their range.",
        patience=3,
        wants=("smaller rate", "smaller clip"),
    ),
    Condition(
        "learning rate too high",
        signs.restless,
        "Usual remedy: a learning rate ten times smaller; 1e-3 is high already for Adam.",
        "The steps are of a reasonable size now.",
        patience=2,
        wants=("smaller rate",),
    ),
    Condition(
        "unequal players",
        signs.outrun,
        "Usual remedy: learning rates of D and G within a factor of 4 of each other.",
        "D and G move alike again.",
        patience=10,
    ),
    Condition(
        "dead layer",
        signs.dead,
        "Usual remedies: a smaller learning rate, batch normalisation before the layer, LeakyReLU in place of ReLU.",
        "All layers live again.",
        patience=1,
        wants=("smaller rate",),
    ),
    Condition(
        "linear layer",
        signs.bent_nowhere,
        "The network is as good as one layer shorter. Usual remedies: a smaller learning rate, batch normalisation in "
        "front of the layer, a larger clip where weights are clipped.",
        "All layers bend again.",
        patience=2,
        wants=("smaller rate", "larger clip"),
    ),
    Condition(
        "layer without gradient",
        signs.still,
        "Usual cause: a dead or saturated layer after it, or a loss that is flat.",
        "Every weight gets a gradient again.",
        patience=3,
    ),
    Condition(
        "weights at the bounds",
        signs.at_bounds,
        "Usual remedies: a larger clip (--hyper clip=...), a smaller learning rate for D, or wgan-gp, which does not "
        "clip.",
        "D's weights have left the bounds.",
        patience=3,
        wants=("larger clip",),
    ),
    Condition(
        "clip too wide",
        signs.unbounded,
        "The critic is then held by nothing. Usual remedies: a smaller clip (--hyper clip=0.01 is the paper's), or "
        "wgan-gp.",
        "The clip is felt again.",
        patience=10,
        wants=("smaller clip",),
    ),
)

"""Conditions: what can be wrong with a run, by what sign it is known, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minigan.watch import signs
from minigan.watch.facts import Facts

Judge = Callable[[signs.Point, signs.Levels, Facts], str | None]


@dataclass(frozen=True)
class Condition:
    """A `name`, a sign to `judge` log points by, the usual `remedy`, what to say when it is `over`, and `patience`, the
    points in a row after which it begins or ends."""

    name: str
    judge: Judge
    remedy: str
    over: str
    patience: int


CONDITIONS = (
    Condition(
        "mode collapse",
        signs.collapsed,
        "Usual remedies: a smaller learning rate, another objective (wgan-gp, ragan), larger batches; "
        "in the first epochs it often ends without help.",
        "Mode collapse is over: nothing is missing any more.",
        patience=2,
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
    ),
    Condition(
        "frozen generator",
        signs.frozen,
        "Usual remedies: a larger learning rate for G; where the gradient is zero, look for the layer that stops it.",
        "G moves again.",
        patience=3,
    ),
    Condition(
        "explosion",
        signs.exploding,
        "Usual remedies: a smaller learning rate, --penalty r1, --spectral-norm, a smaller clip where weights are "
        "clipped.",
        "Gradients and scores are back in their range.",
        patience=3,
    ),
    Condition(
        "learning rate too high",
        signs.restless,
        "Usual remedy: a learning rate ten times smaller; 1e-3 is high already for Adam.",
        "The steps are of a reasonable size now.",
        patience=2,
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
    ),
    Condition(
        "linear layer",
        signs.bent_nowhere,
        "The network is as good as one layer shorter. Usual remedies: a smaller learning rate, batch normalisation in "
        "front of the layer, a larger clip where weights are clipped.",
        "All layers bend again.",
        patience=2,
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
    ),
    Condition(
        "clip too wide",
        signs.unbounded,
        "The critic is then held by nothing. Usual remedies: a smaller clip (--hyper clip=0.01 is the paper's), or "
        "wgan-gp.",
        "The clip is felt again.",
        patience=10,
    ),
)

"""Objective: what D and G minimise, and the gradients of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from minigan.device import Array
from minigan.models.critic import OUTPUTS

# (D, real, fake, grads) -> value; adds to grads
Penalty = Callable[[Any, Array, Array, dict[str, Any]], Array]


@dataclass(frozen=True)
class Defaults:
    """How the paper trains: optimizer and its numbers, D steps per G step, batch."""

    optimizer: str = "adam"
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam and AdaMax
    n_critic: int = 1
    batch_size: int = 64


class Objective:
    """The losses of D and G, functions of D's outputs a on real samples and b on fakes.

    A score (m, 1) is raw, never after a sigmoid, and high means "real". Losses are means over the
    batch, so that a learning rate means the same for every batch size; gradients have the outputs'
    shapes. The losses are functions of their arguments and of the objective's own few numbers
    (`buffers`: a margin, a multiplier), which change only in `prepare`, `after_d_update` and
    `after_epoch`.
    """

    name: ClassVar[str]
    defaults: ClassVar[Defaults] = Defaults()
    output: str = "score"  # a key of OUTPUTS
    constraint: ClassVar[str] = "none"  # on D, in a few words for the table of all objectives
    logit: ClassVar[bool] = False  # is sigmoid(D's output) the probability of being real?
    critic_norm: ClassVar[str | None] = "batch"  # of D; a penalty per sample forbids batch norm
    fakes: ClassVar[int] = 1  # fake samples per real one: G(z) has fakes · m rows
    pairs: ClassVar[bool] = False  # each real sample with one fake? Then batches are of equal size
    compares: bool = False  # does G's loss look at real samples too? Then it is `joint_g_loss`
    # names of 0-d float64 or int64 arrays that a run saves, changed in place
    buffers: ClassVar[tuple[str, ...]] = ()
    readings: ClassVar[tuple[str, ...]] = ()  # names of the buffers that the log shows
    passes: int = 0  # how often `prepare` walks over the data
    penalty: Penalty | None = None  # a further term of D's loss, with its gradient
    borrowed: tuple[Objective, ...] = ()  # whose penalties D pays as well

    @property
    def trains_d(self) -> bool:
        """Is there a D to train?"""
        return self.output not in ("samples", "codes")

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        """D's loss without penalty, and its gradients: value, da, db."""
        raise NotImplementedError(f"{self.name} has no loss for D")

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        """G's loss and its gradient: value, db."""
        if self.compares:
            raise TypeError(
                f"{self.name} compares generated with real samples: its loss for G is "
                "joint_g_loss(a, b)"
            )
        raise NotImplementedError(f"{self.name} has no loss for G")

    def joint_g_loss(self, a: Array, b: Array) -> tuple[Array, Array]:
        """G's loss and its gradient with respect to b, where the loss `compares`: value, db."""
        return self.g_loss(b)

    def add_penalty(self, other: Objective) -> None:
        """Add the penalty of another objective to D's loss. ValueError where it has none."""
        first, second = self.penalty, other.penalty
        if second is None:
            raise ValueError(f"{other.name} has no penalty that {self.name} could borrow")
        self.penalty = second if first is None else lambda *batch: first(*batch) + second(*batch)
        self.borrowed = (*self.borrowed, other)

    def after_d_update(self, D: Any) -> None:
        """After each update of D: clip, project, move a multiplier; by default nothing."""

    def after_epoch(self) -> None:
        """Called after each pass over the data; does nothing unless the page overrides it."""

    def prepare(
        self, D: Any, optimizer: Any, batches: Callable[[], Iterable[Array]]
    ) -> Iterator[None]:
        """Before the first step: `passes` passes over the real `batches()`, one `next` a batch."""
        return iter(())

    def critic_steps(self, step: int, n_critic: int) -> int:
        """D updates before G's update number `step` (from 0), where `n_critic` are asked for."""
        return n_critic

    def phase(self) -> int:
        """Which form D's next update has, where not all updates are the same: a step is recorded
        and replayed once for every form."""
        return 0

    def critic(self) -> dict[str, Any]:
        """The choices of a model's D: `output`, and sizes that belong to it."""
        return {"output": self.output}

    def check(self, D: Any, x: Array) -> None:
        """ValueError unless D's outputs for samples (or codes) x are what the objective needs."""
        y = D.forward(x, train=False)[0]
        columns = y.shape[-1]
        # a score for every patch (Patches)
        several = self.output == "score" and len(y) > 0 and len(y) % len(x) == 0
        fits = y.ndim == 2 and (several or len(y) == len(x))
        if self.output == "autoencoder":
            fits &= hasattr(D, "energy") and columns >= 2
        elif self.output in ("samples", "codes"):
            fits &= columns == math.prod(x.shape[1:])
        elif self.output != "features":
            fits &= columns == 1
        if not fits:
            raise ValueError(
                f"{self.name} needs {OUTPUTS[self.output]} for every sample; this "
                f"{type(D).__name__} gives {tuple(y.shape)} for {tuple(x.shape)}. "
                "models.get(name, ..., critic=objective.critic()) builds one"
            )

    def shown(self, y: Array) -> Array:
        """One number per sample for a log: a probability, a score, an energy, or a norm."""
        if self.logit:
            return sigmoid(y)
        if self.output == "autoencoder":
            return y[:, :1]
        return y if y.shape[1] == 1 else np.sqrt((y * y).sum(axis=1, keepdims=True))

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """The objective's own numbers themselves, not copies, by name."""
        return ((name, getattr(self, name)) for name in self.buffers)

    def convert(self, change: Callable[[Array], Array]) -> None:
        """Replace every buffer by change(buffer), before training: to another device. Integers stay
        on the host, which decides by them what to do next."""
        for name, buffer in self.named_buffers():
            if buffer.dtype.kind == "f":
                setattr(self, name, change(buffer))


def softplus(t: Array) -> Array:
    """log(1 + eᵗ) = max(t, 0) + log(1 + e^-|t|): no t overflows, as exp(t) would."""
    return np.maximum(t, 0) + np.log1p(np.exp(-np.abs(t)))


def sigmoid(t: Array) -> Array:
    """1 / (1 + e⁻ᵗ) = e^min(t, 0) / (1 + e^-|t|): full relative accuracy on both sides."""
    return np.exp(np.minimum(t, 0)) / (1 + np.exp(-np.abs(t)))

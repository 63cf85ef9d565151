"""An auxiliary classifier: D names the class of a sample, beside its score."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.layers import Layer
from minigan.layers.composite import Around
from minigan.layers.layer import Cache, Grads
from minigan.objectives.objective import Objective

# What the objective takes over from the adversarial one.
SHARED = ("critic_norm", "compares", "passes", "buffers", "readings", "borrowed", "logit")


class AuxiliaryClasses(Objective):
    """Another objective, and a classifier in D that G has to please.

    D's output is [score, logits], a on real samples and b on fakes, both (N, 1 + K); c (N,) are the
    labels, of both. CE(t) = mean over the batch of log Σ exp(t) - t[c].

    D           L = L_D of column 0 + weight · CE(a[:, 1:])   (+ weight · CE(b[:, 1:]) with `fakes`)
    G           L = L_G of column 0 + weight · CE(b[:, 1:])
    Gradients   da = [da of column 0, weight / N · (softmax(a[:, 1:]) - one_hot(c))], db likewise

    By default D learns classes from real samples alone. With `fakes`, as in the paper, it learns
    early on to call noise a seven. A penalty on D's gradient sees the score alone.

    Source      Odena, Olah & Shlens 2017 (AC-GAN), section 3.
    """

    name = "auxiliary"

    def __init__(
        self, adversarial: Objective, classes: int, weight: float = 1.0, fakes: bool = False
    ) -> None:
        if adversarial.output != "score" or adversarial.fakes > 1:
            raise ValueError(
                "an auxiliary classifier needs an objective with one score per sample, not "
                f"{adversarial.name}"
            )
        if not weight >= 0:
            raise ValueError(
                f"the weight of the auxiliary classes must be at least 0, got {weight}"
            )
        self.adversarial, self.classes = adversarial, classes
        self.weight, self.classify_fakes = weight, fakes
        for name in SHARED:
            setattr(self, name, getattr(adversarial, name))
        self.labels: Array | None = None
        if adversarial.penalty is not None:
            penalty = adversarial.penalty
            self.penalty = lambda D, *batch: penalty(FirstColumn(D), *batch)

    def given(self, labels: Array) -> AuxiliaryClasses:
        """The objective for samples of these classes."""
        bound = copy.copy(self)
        bound.labels = labels
        return bound

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        loss, da, db = self.adversarial.d_loss(a[:, :1], b[:, :1])
        ce, dlogits = self._classify(a)
        loss, da = loss + ce, np.concatenate([da, dlogits], axis=1)
        if not self.classify_fakes:
            return loss, da, np.concatenate([db, np.zeros_like(b[:, 1:])], axis=1)
        ce, dlogits = self._classify(b)
        return loss + ce, da, np.concatenate([db, dlogits], axis=1)

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        return self._with_classes(*self.adversarial.g_loss(b[:, :1]), b)

    def joint_g_loss(self, a: Array, b: Array) -> tuple[Array, Array]:
        return self._with_classes(*self.adversarial.joint_g_loss(a[:, :1], b[:, :1]), b)

    def _with_classes(self, loss: Array, db: Array, b: Array) -> tuple[Array, Array]:
        ce, dlogits = self._classify(b)
        return loss + ce, np.concatenate([db, dlogits], axis=1)

    def _classify(self, y: Array) -> tuple[Array, Array]:
        """weight · CE of D's outputs, and its gradient with respect to the logits."""
        if self.labels is None:
            raise ValueError("AuxiliaryClasses needs labels: objective.given(labels)")
        logits = y[:, 1:]
        numbers = np.ones_like(self.labels, shape=(self.classes,)).cumsum() - 1
        one_hot = (self.labels[:, np.newaxis] == numbers).astype(y.dtype)
        t = logits - logits.max(axis=1, keepdims=True)
        logs = t - np.log(np.exp(t).sum(axis=1, keepdims=True))
        value = -self.weight * (one_hot * logs).sum() / len(y)
        return value, self.weight / len(y) * (np.exp(logs) - one_hot)

    def after_d_update(self, D: Any) -> None:
        self.adversarial.after_d_update(D)

    def after_epoch(self) -> None:
        self.adversarial.after_epoch()

    def critic_steps(self, step: int, n_critic: int) -> int:
        return self.adversarial.critic_steps(step, n_critic)

    def phase(self) -> int:
        return self.adversarial.phase()

    def check(self, D: Any, x: Array) -> None:
        self.adversarial.check(FirstColumn(D), x)

    def shown(self, y: Array) -> Array:
        return self.adversarial.shown(y[:, :1])

    def named_buffers(self) -> Any:
        return self.adversarial.named_buffers()

    def convert(self, change: Any) -> None:
        self.adversarial.convert(change)

    def __getattr__(self, name: str) -> Any:
        """The buffers of the other objective, which a log reads."""
        if "adversarial" not in vars(self):  # while it is being copied
            raise AttributeError(name)
        return getattr(self.adversarial, name)


class FirstColumn(Around):
    """The score of a D whose outputs are [score, ...]: y[:, :1]."""

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        y, cache = self.network.forward(x, train)
        return y[:, :1], (cache, y.shape[1] - 1)

    def backward(
        self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True
    ) -> Array | None:
        inner, others = cache
        return self.network.backward(_padded(dy, others), inner, grads, need_dx)

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        inner, others = cache
        return self.network.traced_backward(_padded(dy, others), inner)

    def double_backward(
        self, ddx: Array, dy: Any, cache: Cache
    ) -> tuple[Array, Array | None, Grads]:
        inner, others = cache
        seen = _padded(dy, others) if hasattr(dy, "dtype") and dy.shape[1] == 1 else dy
        ddy, dx, grads = self.network.double_backward(ddx, seen, inner)
        return ddy[:, :1], dx, grads

    def given(self, condition: Any, **how: Any) -> Layer:
        return FirstColumn(self.network.given(condition, **how))


def _padded(dy: Array, others: int) -> Array:
    """dy (N, 1) with zeros for the other columns."""
    return np.concatenate([dy, np.zeros_like(dy, shape=(len(dy), others))], axis=1)

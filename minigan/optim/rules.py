"""The update rules: what one step makes of a parameter p, its gradient g and the moments kept for it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from minigan.device import Array
from minigan.optim.optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent, with momentum.

    v ← momentum · v + g        p ← p - lr · v

    Source: Polyak 1964, in PyTorch's form.
    """

    moments = ("v",)
    rule = "sgd"

    def __init__(self, params: Iterable[tuple[str, Array]], lr: float = 0.1, *, momentum: float = 0.0) -> None:
        super().__init__(params, lr)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {momentum}")
        self.momentum = momentum

    def _hyper(self) -> tuple[float, ...]:
        return (self.momentum,)

    def _update(self, *arrays: Array) -> None:
        p, g, v, u = arrays
        np.multiply(v, self.momentum, out=v)
        np.add(v, g, out=v)
        np.multiply(v, self.lr, out=u)
        np.subtract(p, u, out=p)


class RMSProp(Optimizer):
    """Gradient descent with steps measured in the gradient's recent size.

    s ← alpha · s + (1 - alpha) · g²        p ← p - lr · g / (√s + ε)

    Source: Tieleman & Hinton 2012, in PyTorch's form.
    """

    moments = ("s",)
    rule = "rmsprop"

    def __init__(
        self, params: Iterable[tuple[str, Array]], lr: float = 1e-2, *, alpha: float = 0.99, eps: float = 1e-8
    ) -> None:
        super().__init__(params, lr)
        if not (0 <= alpha < 1 and eps > 0):
            raise ValueError(f"RMSProp needs alpha in [0, 1) and eps > 0, got {alpha} and {eps}")
        self.alpha, self.eps = alpha, eps

    def _hyper(self) -> tuple[float, ...]:
        return self.alpha, self.eps

    def _update(self, *arrays: Array) -> None:
        p, g, s, u = arrays
        np.multiply(g, g, out=u)
        np.multiply(u, 1 - self.alpha, out=u)
        np.multiply(s, self.alpha, out=s)
        np.add(s, u, out=s)
        np.sqrt(s, out=u)
        np.add(u, self.eps, out=u)
        np.divide(g, u, out=u)
        np.multiply(u, self.lr, out=u)
        np.subtract(p, u, out=p)


class Adam(Optimizer):
    """Momentum and RMSProp together, both corrected for their start at zero.

    m ← β₁ m + (1 - β₁) g        v ← β₂ v + (1 - β₂) g²
    p ← p - lr · m̂ / (√v̂ + ε)    m̂ = m / (1 - β₁ᵗ)    v̂ = v / (1 - β₂ᵗ)

    The corrections are folded into two constants per step: with c = √(1 - β₂ᵗ),
    lr · m̂ / (√v̂ + ε) = (lr · c / (1 - β₁ᵗ)) · m / (√v + c · ε).

    Source: Kingma & Ba 2014, algorithm 1 and the remark below it.
    """

    moments = ("m", "v")
    rule = "adam"

    def __init__(
        self,
        params: Iterable[tuple[str, Array]],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, lr)
        if not (0 <= betas[0] < 1 and 0 <= betas[1] < 1 and eps > 0):
            raise ValueError(f"Adam needs both betas in [0, 1) and eps > 0, got {betas} and {eps}")
        self.betas, self.eps = betas, eps

    def _hyper(self) -> tuple[float, ...]:
        return *self.betas, self.eps

    def _update(self, *arrays: Array) -> None:
        p, g, m, v, u = arrays
        b1, b2 = self.betas
        c = math.sqrt(1 - b2**self.t)
        np.multiply(m, b1, out=m)
        np.multiply(g, 1 - b1, out=u)
        np.add(m, u, out=m)
        np.multiply(g, g, out=u)
        np.multiply(u, 1 - b2, out=u)
        np.multiply(v, b2, out=v)
        np.add(v, u, out=v)
        np.sqrt(v, out=u)
        np.add(u, c * self.eps, out=u)
        np.divide(m, u, out=u)
        np.multiply(u, self.lr * c / (1 - b1**self.t), out=u)
        np.subtract(p, u, out=p)


class AdaMax(Optimizer):
    """Adam with the largest recent gradient in the place of its root mean square.

    m ← β₁ m + (1 - β₁) g        v ← max(β₂ v + ε, |g|)        p ← p - lr · m / v

    The variant of MAGAN's authors: m is not corrected for its start at zero, so that the first steps are small, and
    ε is added to the old maximum, which keeps v positive where a gradient is zero.

    Source: Kingma & Ba 2014, section 7.1; without correction: the code of Wang et al. 2017 (MAGAN).
    """

    moments = ("m", "v")
    rule = "adamax"

    def __init__(
        self,
        params: Iterable[tuple[str, Array]],
        lr: float = 2e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, lr)
        if not (0 <= betas[0] < 1 and 0 <= betas[1] < 1 and eps > 0):
            raise ValueError(f"AdaMax needs both betas in [0, 1) and eps > 0, got {betas} and {eps}")
        self.betas, self.eps = betas, eps

    def _hyper(self) -> tuple[float, ...]:
        return *self.betas, self.eps

    def _update(self, *arrays: Array) -> None:
        p, g, m, v, u = arrays
        b1, b2 = self.betas
        np.multiply(m, b1, out=m)
        np.multiply(g, 1 - b1, out=u)
        np.add(m, u, out=m)
        np.multiply(v, b2, out=v)
        np.add(v, self.eps, out=v)
        np.abs(g, out=u)
        np.maximum(v, u, out=v)
        np.divide(m, v, out=u)
        np.multiply(u, self.lr, out=u)
        np.subtract(p, u, out=p)


class Idle(Optimizer):
    """The optimizer of a network without parameters: it has nothing to move, and counts the steps all the same.

    Training looks alike for every game that way, also for one whose "critic" is the samples themselves (GMMN).
    Any gradient that comes is refused with ValueError, as every optimizer refuses what it has no parameter for.
    """

    def __init__(self, params: Iterable[tuple[str, Array]] = (), lr: float = 1.0) -> None:
        names = [name for name, _ in params]
        if names:
            raise ValueError(f"Idle moves nothing, but got the parameters {names}; choose another optimizer for them")
        if not lr > 0:
            raise ValueError(f"learning rate must be positive, got {lr}")
        self.lr, self.t = lr, 0
        self.params: dict[str, Array] = {}
        self.state: dict[str, Array] = {}

"""The update rules: one step from a parameter p, its gradient g and its moments."""

from __future__ import annotations

from collections.abc import Iterable

from minigan import kernels
from minigan.device import Array
from minigan.optim.optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent, with momentum.

    v ← momentum · v + g        p ← p - lr · v

    Source: Polyak 1964, in PyTorch's form.
    """

    moments = ("v",)
    fused_average = True

    def __init__(
        self, params: Iterable[tuple[str, Array]], lr: float = 0.1, *, momentum: float = 0.0
    ) -> None:
        super().__init__(params, lr)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {momentum}")
        self.momentum = momentum

    def update(self, moves: kernels.Moves) -> None:
        kernels.sgd(moves, self.lr, self.momentum)


class RMSProp(Optimizer):
    """Gradient descent with steps measured in the gradient's recent size.

    s ← alpha · s + (1 - alpha) · g²        p ← p - lr · g / (√s + ε)

    Source: Tieleman & Hinton 2012, in PyTorch's form.
    """

    moments = ("s",)
    fused_average = True

    def __init__(
        self,
        params: Iterable[tuple[str, Array]],
        lr: float = 1e-2,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, lr)
        if not (0 <= alpha < 1 and eps > 0):
            raise ValueError(f"RMSProp needs alpha in [0, 1) and eps > 0, got {alpha} and {eps}")
        self.alpha, self.eps = alpha, eps

    def update(self, moves: kernels.Moves) -> None:
        kernels.rmsprop(moves, self.lr, self.alpha, self.eps)


class Adam(Optimizer):
    """Momentum and RMSProp together, both corrected for their start at zero.

    m ← β₁ m + (1 - β₁) g        v ← β₂ v + (1 - β₂) g²
    p ← p - lr · m̂ / (√v̂ + ε)    m̂ = m / (1 - β₁ᵗ)    v̂ = v / (1 - β₂ᵗ)

    Source: Kingma & Ba 2014, algorithm 1.
    """

    moments = ("m", "v")
    fused_average = True

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

    def update(self, moves: kernels.Moves) -> None:
        kernels.adam(moves, self.lr, self.betas, self.eps, self.t)


class AdaMax(Optimizer):
    """Adam with the largest recent gradient instead of its root mean square.

    m ← β₁ m + (1 - β₁) g        v ← max(β₂ v + ε, |g|)        p ← p - lr · m / v

    The variant of MAGAN's authors: m is not corrected for its start at zero, so that the first
    steps are small, and ε is added to the old maximum, which keeps v positive where a gradient is
    zero.

    Source: Kingma & Ba 2014, section 7.1; without correction: the code of Wang et al. 2017 (MAGAN).
    """

    moments = ("m", "v")
    fused_average = True

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
            raise ValueError(
                f"AdaMax needs both betas in [0, 1) and eps > 0, got {betas} and {eps}"
            )
        self.betas, self.eps = betas, eps

    def update(self, moves: kernels.Moves) -> None:
        kernels.adamax(moves, self.lr, self.betas, self.eps)

"""MMD GAN with gradient penalty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigan.device import Array
from minigan.objectives.kernel import centred, radial_kernel
from minigan.objectives.mmd import mmd2, pull, pull_backward
from minigan.objectives.objective import Defaults, Objective
from minigan.penalties import Slope, between, towards
from minigan.random import Random, generator

PAPER = {"rational-quadratic": (0.2, 0.5, 1.0, 2.0, 5.0), "rbf": (2.0, 5.0, 10.0, 20.0, 40.0, 80.0)}


class MMDGANGP(Objective):
    """The adversarial MMD; a penalty on the slope of the witness function constrains D.

    D gives features: X = a (m, d) on real samples, Y = b (n, d) on fakes.

    D           L = -MMD²(X, Y) + R
                da = -dMMD²/dX        db = -dMMD²/dY

    G           L = MMD²(X, Y)
                db = dMMD²/dY

    Kernel      k(x, y) = Σ_α (1 + ‖x - y‖² / (2 α))^-α + c <x, y>
                `kernel="rbf"`: Σ_σ exp(-‖x - y‖² / (2 σ²))
                MMD² is the unbiased estimator; its gradients: mmd.py

    Penalty     w(h) = mean_i k(h, X_i) - mean_j k(h, Y_j)   positive where real samples are denser
                x̂_i = ε_i x_i + (1 - ε_i) y_i,  ε_i ~ U[0, 1) one number per sample,  h = D(x̂)
                R = λ mean (‖∂w(h_i) / ∂x̂_i‖ - 1)²

    Its way     u = ∂w/∂h = pull(h, X) / m - pull(h, Y) / n   seeds the backward pass, and depends
                on h, X and Y: what the second-order pass returns as dR/du goes through
                `pull_backward` to all three, and from there through D to its parameters,
                in an ordinary backward pass each.

    Defaults    α 0.2, 0.5, 1, 2, 5 with `linear` c 1, or σ 2, 5, 10, 20, 40, 80 with c 0
                (`bandwidths` are either); `weight` λ 1, 16 `features`, Adam 1e-4, betas (0.5, 0.9),
                n_critic 5, batch 64.
    Healthy     L of G small and positive, of changing sign once the batches match; the witness's
                slope near 1.
    Fails       Far-apart batches give narrow kernels no gradient: that is what heavy tails and the
                linear term are for. Batch norm in D: the penalty is on each sample alone.
                A large weight: on digits with 10 in place of 1, the mean features of real and of
                generated samples differ by 0.21 at the end, the noise of 64 samples is 0.57, and
                G has no direction: 37 % are recognised, in 7 classes.
                Adam's slow second moments: with betas (0.5, 0.999), z of 100 numbers and 18 epochs
                50 and 41 % are recognised (seeds 0 and 1), 8 and 9 classes; with (0.5, 0.9) alone
                51 %, 7 classes (seed 1). With z of 16 numbers and 24 epochs in addition 69 and
                65 %, 10 and 9 classes. The number of features matters little: 4 in these two, and
                71 % with 16 (seed 0).
    Deviates    The authors' code also penalises the squares of all activations, clips every
                parameter's gradient to norm 1 and lowers the rate by a test: left out, so that the
                objective is the losses and one penalty. Its penalty takes the norm over one axis of
                the image, here over all numbers; its unbiased estimator keeps the diagonal of the
                linear kernel, here both leave. Noise is normal; theirs is uniform in [-1, 1].
    Source      Bińkowski, Sutherland, Arbel & Gretton 2018.
    """

    name = "mmd-gan-gp"
    defaults = Defaults(lr=1e-4, betas=(0.5, 0.9), n_critic=5)
    output = "features"
    constraint = "gradient penalty"
    critic_norm = "layer"
    compares = True

    def __init__(
        self,
        *,
        kernel: str = "rational-quadratic",
        bandwidths: Sequence[float] | None = None,
        linear: float | None = None,
        weight: float = 1.0,
        features: int = 16,
        rng: Random | None = None,
    ) -> None:
        if not weight >= 0:
            raise ValueError(f"weight of the gradient penalty must not be negative, got {weight}")
        if linear is not None and not linear >= 0:
            raise ValueError(
                f"linear is the weight of <x, y> in the kernel, not negative, got {linear}"
            )
        if not features >= 1:
            raise ValueError(f"features is the number of D's outputs, at least 1, got {features}")
        bandwidths = PAPER.get(kernel, ()) if bandwidths is None else bandwidths
        self.kernel = radial_kernel(kernel, tuple(bandwidths))
        if linear is None:
            linear = 1.0 if kernel == "rational-quadratic" else 0.0
        self.linear = linear
        self.weight, self.features = weight, features
        self.rng = generator(rng, needed=False)

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        value, dX, dY = mmd2(a, b, self.kernel, linear=self.linear, unbiased=True)
        return -value, -dX, -dY

    def joint_g_loss(self, a: Array, b: Array) -> tuple[Array, Array]:
        value, _, dY = mmd2(a, b, self.kernel, linear=self.linear, unbiased=True, need_dx=False)
        return value, dY

    def penalty(self, D: Any, real: Array, fake: Array, grads: dict[str, Any]) -> Array:
        x = between(self.name, self.rng, real, fake)
        with D.keeping_buffers():
            X, cache_real = D.forward(real)
            Y, cache_fake = D.forward(fake)
        slope = Slope(D, x, lambda h: self._witness_slope(h, X, Y))
        value, ddx = towards(slope.g, weight=self.weight)
        dh, dX, dY = self._witness_backward(slope.backward(ddx, grads), slope.h, X, Y)
        for d, caches in ((dh, slope.caches), (dX, cache_real), (dY, cache_fake)):
            D.backward(d, caches, grads, need_dx=False)
        return value

    def _witness_slope(self, h: Array, X: Array, Y: Array) -> Array:
        """u = ∂w/∂h."""
        k, c = self.kernel, self.linear
        h, X, Y = centred(h, X, Y)
        return pull(h, X, k, c) / len(X) - pull(h, Y, k, c) / len(Y)

    def _witness_backward(
        self, du: Array, h: Array, X: Array, Y: Array
    ) -> tuple[Array, Array, Array]:
        """From dR/du to dR/dh, dR/dX and dR/dY."""
        h, X, Y = centred(h, X, Y)
        to_real, dX = pull_backward(du / len(X), h, X, self.kernel, self.linear)
        to_fake, dY = pull_backward(du / len(Y), h, Y, self.kernel, self.linear)
        return to_real - to_fake, dX, -dY

    def critic(self) -> dict[str, Any]:
        return {"output": self.output, "features": self.features}

"""McGAN: matching means or covariances of features."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.objectives.kernel import centred
from minigan.objectives.objective import Defaults, Objective
from minigan.objectives.wgan import WGAN
from minigan.penalties import EPS


class McGAN(WGAN):
    """A witness function on D's features (primal), or its best value in closed form (dual)."""

    defaults = Defaults(optimizer="rmsprop", lr=5e-5, n_critic=5)
    witness: tuple[str, ...]  # names of the witness's arrays in the last layer of a primal D

    def __init__(
        self, form: str, primal_output: str, features: int, clip: float, warmup: bool
    ) -> None:
        super().__init__(clip=clip, warmup=warmup)
        if form not in ("primal", "dual"):
            raise ValueError(f"form must be 'primal' or 'dual', got {form!r}")
        if not (isinstance(features, int | np.integer) and features >= 1):
            raise ValueError(f"features must be an integer of at least 1, got {features!r}")
        self.form, self.features, self.compares = form, features, form == "dual"
        self.output = "features" if self.compares else primal_output

    def distance(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        """J between the features a (m, d) and b (n, d), and its gradients: J, dJ/da, dJ/db."""
        raise NotImplementedError

    def project(self, w: Array) -> Array:
        """The witness's array w, brought back to where it may be."""
        raise NotImplementedError

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        if not self.compares:
            return super().d_loss(a, b)
        j, da, db = self.distance(a, b)
        return -j, -da, -db

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        return Objective.g_loss(self, b) if self.compares else super().g_loss(b)

    def joint_g_loss(self, a: Array, b: Array) -> tuple[Array, Array]:
        if not self.compares:
            return self.g_loss(b)
        j, _, db = self.distance(a, b)
        return j, db

    def after_d_update(self, D: Any) -> None:
        kept = [] if self.compares else [v for _, v in D.layers[-1].named_params()]
        for _, w in D.named_params():
            if not any(w is v for v in kept):
                np.clip(w, -self.clip, self.clip, out=w)
        for v in kept:
            v[...] = self.project(v)

    def critic(self) -> dict[str, Any]:
        return {"output": self.output, "features": self.features}

    def check(self, D: Any, x: Array) -> None:
        super().check(D, x)
        last = getattr(D, "layers", (None,))[-1]
        if not self.compares and getattr(last, "params", ()) != self.witness:
            raise ValueError(
                f"{self.name} needs a D whose last layer has the parameters {self.witness} and no "
                f"others, got {last}; "
                "models.get(name, ..., critic=objective.critic()) builds one"
            )


class McGANMean(McGAN):
    """Match the means of features: the witness is the direction v in which they differ most.

    With the features X (m, d) of real and Y (n, d) of fake samples, δ = mean X - mean Y, and v in
    the unit l_p ball:

    D, G        primal: D ends with the scalar product by v, so that a = X · v, b = Y · v. Then
                WGAN's losses:
                L_D = mean b - mean a = -<v, δ>        L_G = -mean b
                Its da = -1 / m, db = 1 / n become, in that last layer, a Linear(d, 1) without bias,
                dX = -1 vᵀ / m, dY = 1 vᵀ / n, dv = -δ.

                dual: no v; D gives X and Y.
                L_D = -J        L_G = J        dJ/dX = 1 sᵀ / m        dJ/dY = -1 sᵀ / n
                p = 2       J = ½ |δ|²          s = δ               with `squared`, the default
                            J = √(|δ|² + ε)     s = δ / J           without it; ε 1e-12
                p = inf     J = Σ |δ_k|         s = sign(δ)
                p = 1       J = max |δ_k|       s = sign(δ_k) at the largest |δ_k|, or shares of it

    Derivation  max <v, δ> over |v|_p ≤ 1 is |δ|_q with 1/p + 1/q = 1: the dual is the primal at the
                best v (`squared` has half its square, whose gradient fades as the means meet).

    Constraint  after every critic update  w ← clip(w, -c, c)  for every parameter but v, and
                v ← proj_p(v):
                proj_2   = v / max(1, |v|)             proj_inf = clip(v, -1, 1)
                proj_1   = sign(v) max(|v| - t, 0),  t = max(0, max_k (s_1 + … + s_k - 1) / k)
                           s the |v_l| from the largest on: the quotient rises as long as s_k is
                           above it, so its largest value is the t for which Σ max(|v| - t, 0) = 1.

    Schedule    `warmup` trains the critic long at first, as WGAN does.

    Defaults    `p` 2, `form` primal, `clip` c 0.01, 64 `features` (the paper: 1024), RMSProp 5e-5,
                n_critic 5, batch 64.
    Healthy     J, or -L of D, falls as smoothly as WGAN's estimate.
    Fails       Without the projection v grows without bound, and the loss with it. Means are little
                to match: features that stop learning cannot detect fakes whose means are right and
                whose distribution is wrong.
    Source      Mroueh, Sercu & Goel 2017, sections 3 and 4.
    """

    name = "mcgan-mean"
    constraint = "clipped weights, v in a ball"
    witness = ("weight",)

    def __init__(
        self,
        *,
        p: float = 2,
        form: str = "primal",
        squared: bool = True,
        features: int = 64,
        clip: float = 0.01,
        warmup: bool = True,
    ) -> None:
        if p not in (1, 2, math.inf):
            raise ValueError(f"p must be 1, 2 or infinity, got {p!r}")
        super().__init__(form, "mean", features, clip, warmup)
        self.p, self.squared = p, squared

    def distance(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        X, Y = centred(a, b)
        delta = X.mean(axis=0) - Y.mean(axis=0)
        j, s = self._norm(delta)
        return j, np.ones_like(a) * (s / len(a)), np.ones_like(b) * (s / -len(b))

    def _norm(self, delta: Array) -> tuple[Array, Array]:
        if self.p == math.inf:
            return np.abs(delta).sum(), np.sign(delta)
        if self.p == 1:
            largest = (np.abs(delta) == np.abs(delta).max()).astype(delta.dtype)
            return np.abs(delta).max(), np.sign(delta) * largest / largest.sum()
        square = (delta * delta).sum()
        if self.squared:
            return 0.5 * square, delta
        j = np.sqrt(square + EPS)
        return j, delta / j

    def project(self, w: Array) -> Array:
        if self.p == math.inf:
            return np.clip(w, -1, 1)
        if self.p == 2:
            return w / np.maximum(np.sqrt((w * w).sum()), 1)
        s = np.sort(np.abs(w), axis=0)[::-1]
        t = (np.cumsum(s, axis=0) - 1) / np.cumsum(np.ones_like(s), axis=0)
        return np.sign(w) * np.maximum(np.abs(w) - np.maximum(t.max(), 0), 0)


class McGANCovariance(McGAN):
    """Match the second moments of features, along the k directions in which they differ most.

    With the features X (m, d) and Y (n, d), M = Xᵀ X / m - Yᵀ Y / n (not centred), and u, v (d, k)
    with orthonormal columns:

    D, G        primal: D ends with f(x) = <x · u, x · v>, so that a = f(X), b = f(Y). Then WGAN's
                losses:
                L_D = mean b - mean a = -Σ diag(uᵀ M v)        L_G = -mean b
                Its da = -1 / m, db = 1 / n become, in that last layer,
                dX = -[(X u) vᵀ + (X v) uᵀ] / m,
                dY = [(Y u) vᵀ + (Y v) uᵀ] / n,  du = -M v,  dv = -M u.

                dual: no u, v; D gives X and Y.  L_D = -J        L_G = J
                J = Σ |λ_l| over the k largest |λ|,  (λ_l, e_l) the eigenpairs of M
                P = Σ sign(λ_l) e_l e_lᵀ over the same        dJ/dX = 2 X P / m   dJ/dY = -2 Y P / n

    Derivation  Σ diag(uᵀ M v) is largest at u = [e_l], v = [sign(λ_l) e_l], and J there. An
                eigenvalue moves by dλ = eᵀ dM e, so dJ = <P, dM>; dM = (dXᵀ X + Xᵀ dX) / m and P is
                symmetric. With t = mean X, X' = X - t and Y' = Y - t, in which float32 keeps its
                digits, and δ = mean X' - mean Y':  M = X'ᵀ X' / m - Y'ᵀ Y' / n + t δᵀ + δ tᵀ

    Constraint  after every critic update  w ← clip(w, -c, c)  for every parameter but u and v, and
                u ← Q with
                Q R = u, the signs chosen for a positive diagonal of R: then Q is near u. The same
                for v.

    Schedule    `warmup` trains the critic long at first, as WGAN does.

    Defaults    `form` primal, `rank` k 16, 64 `features`, `clip` c 0.01, RMSProp 5e-5, n_critic 5,
                batch 64.
    Healthy     J, or -L of D, falls as smoothly as WGAN's estimate.
    Fails       Without the projection u and v grow without bound, or all their columns become one.
                Second moments contain no sign: in the plane the points gather around every
                Gaussian, but loosely (see Measured). In the dual, a batch smaller than the features
                has a noisy M: J stays above 0 for a perfect G.
    Source      Mroueh, Sercu & Goel 2017, sections 3 and 4.
    """

    name = "mcgan-cov"
    constraint = "clipped weights, orthonormal u, v"
    witness = ("u", "v")

    def __init__(
        self,
        *,
        form: str = "primal",
        rank: int = 16,
        features: int = 64,
        clip: float = 0.01,
        warmup: bool = True,
    ) -> None:
        super().__init__(form, "covariance", features, clip, warmup)
        if not (isinstance(rank, int | np.integer) and 1 <= rank <= features):
            raise ValueError(
                f"rank must be an integer from 1 to features = {features}, got {rank!r}"
            )
        self.rank = rank

    def distance(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        X, Y = centred(a, b)
        delta = X.mean(axis=0) - Y.mean(axis=0)
        cross = a.mean(axis=0)[:, np.newaxis] * delta
        M = kernels.matmul(X.T, X) / len(a) - kernels.matmul(Y.T, Y) / len(b) + cross + cross.T
        eigenvalues, e = np.linalg.eigh(M)
        largest = np.argsort(-np.abs(eigenvalues))[: self.rank]
        eigenvalues, e = eigenvalues[largest], e[:, largest]
        p = kernels.matmul(e * np.sign(eigenvalues), e.T)
        da, db = kernels.matmul(a, p) * (2 / len(a)), kernels.matmul(b, p) * (-2 / len(b))
        return np.abs(eigenvalues).sum(), da, db

    def project(self, w: Array) -> Array:
        q, r = np.linalg.qr(w)
        diagonal = np.diagonal(r)
        return q * np.copysign(np.ones_like(diagonal), diagonal)

    def critic(self) -> dict[str, Any]:
        return {**super().critic(), "rank": self.rank}

"""The original GAN with the generator loss that everybody trains."""

from __future__ import annotations

from minigan.device import Array
from minigan.objectives.minimax import Minimax
from minigan.objectives.objective import sigmoid, softplus


class NonSaturating(Minimax):
    """D as in minimax; G maximises log D(fake), so that its gradient stays when D is sure.

    D           as in the minimax GAN, with the same label smoothing

    G           L = mean sp(-b)                                   = -mean log D(G(z))
                db = -σ(-b) / n

    The fixed point is that of the minimax GAN. For a sure D (b → -∞) the minimax gradient -σ(b) / n
    vanishes, this one tends to -1 / n.

    Defaults    Adam 2e-4, betas (0.5, 0.999), batch 64.
    Healthy     L of D 0.9 to 1.3, L of G 0.8 to 2, D right on 55 to 80 % of the samples.
    Fails       D perfect: L of G climbs past 5 and does not return. Mode collapse.
    Deviates    Noise is normal; that of both papers is uniform.
    Source      Goodfellow et al. 2014, section 3, last paragraph; Radford et al. 2015 for the
                numbers.
    """

    name = "nonsaturating"

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        return softplus(-b).mean(), -sigmoid(-b) / len(b)

"""Players: the two networks as a run's threads play them."""

from __future__ import annotations

from collections.abc import Callable

from minigan.device import Array

from minigan.engine.pair import OnePainting, SideBySide, discriminator_step_in_one_batch, sees_each_alone
from minigan.engine.sharded import Sharded
from minigan.engine.split import is_large, split
from minigan.engine.team import Team
from minigan.layers import Conv2d, ConvTranspose2d, Layer
from minigan.training.config import Config
from minigan.training.state import State
from minigan.training.steps import discriminator_step


class Players:
    """How a run uses its threads, which follows from its networks. BLAS runs on one thread in each of them.

    Convolutions              a team shares the rows of every batch
    large, fully connected    a team splits the products
    else                      there is not enough to do for more than one thread

    The team also shares the updates of the parameters. A D that looks at every sample alone gets real and generated
    ones in one batch; one that looks at its batch gets both at the same time, in the two halves of a team.

    D, G      the networks for the steps
    d_step    D's step: Algorithm 1 as it stands, or a short cut
    """

    D: Layer
    G: Layer
    d_step: Callable[..., Array]

    def __init__(self, config: Config, state: State) -> None:
        self.D, self.G, self.d_step = state.D, state.G, discriminator_step
        if config.device == "cpu":
            if sees_each_alone(state.D) and state.objective.fakes == 1:
                self.d_step = discriminator_step_in_one_batch
            if config.threads > 1:
                self._gather(Team(min(config.threads, config.batch_size)), state)
        if config.same_noise:
            self.G = OnePainting(self.G)

    def _gather(self, team: Team, state: State) -> None:
        layers = [*state.D.walk(), *state.G.walk()]
        if any(isinstance(layer, Conv2d | ConvTranspose2d) for layer in layers):
            self.D, self.G = Sharded(state.D, team), Sharded(state.G, team)
            if self.d_step is discriminator_step and SideBySide.suits(state.D, team):
                self.d_step = SideBySide(state.D, team).discriminator_step
        elif any(is_large(layer) for layer in layers):
            self.D, self.G = split(state.D, team), split(state.G, team)
        else:
            return
        state.d_optimizer.workers = state.g_optimizer.workers = team

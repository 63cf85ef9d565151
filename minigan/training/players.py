"""Players: the two networks as a run's threads play them."""

from __future__ import annotations

from collections.abc import Callable

from minigan.device import Array
from minigan.layers import Layer
from minigan.training.config import Config
from minigan.training.fast import OnePainting, discriminator_step_in_one_batch, sees_each_alone
from minigan.training.sharded import Sharded
from minigan.training.state import State
from minigan.training.steps import discriminator_step
from minigan.training.team import Team, suits


class Players:
    """How a run uses its threads, which follows from its networks.

    Convolutions    a team: every thread takes its part of each batch, BLAS runs on one thread in each of them; not
                    beside hidden fully connected layers
    else            BLAS runs on all threads; a D that looks at every sample alone gets real and generated ones together

    D, G      the networks for the steps
    d_step    D's step: Algorithm 1 as it stands, or in one batch
    blas      threads of the BLAS library
    """

    D: Layer
    G: Layer
    d_step: Callable[..., Array]

    def __init__(self, config: Config, state: State) -> None:
        self.D, self.G, self.d_step, self.blas = state.D, state.G, discriminator_step, config.threads
        on_cpu = config.device == "cpu"
        if on_cpu and config.threads > 1 and suits(state.D, state.G):
            team = Team(min(config.threads, config.batch_size))
            self.D, self.G, self.blas = Sharded(state.D, team), Sharded(state.G, team), 1
        elif on_cpu and not suits(state.D) and sees_each_alone(state.D) and state.objective.fakes == 1:
            self.d_step = discriminator_step_in_one_batch
        if config.same_noise:
            self.G = OnePainting(self.G)

"""Small steps to explain: every game of the battery on pictures of 6 x 6, and networks made for one purpose."""

from __future__ import annotations

from functools import cache

import numpy as np

from minigan.checks import StepCase, small_pair
from minigan.checks.steps import SIDE
from minigan.explain.events import Event
from minigan.explain.layout import Story
from minigan.explain.sections import tell
from minigan.explain.step import Explanation, watch_d, watch_g
from minigan.layers import Layer, Linear, Network
from minigan.objectives import Objective, get
from minigan.optim import SGD, Adam, Idle
from minigan.random import Streams
from minigan.training.config import Config


class Game:
    """Networks, objective and batches of a case, the same every time it is made."""

    def __init__(self, case: StepCase) -> None:
        streams = Streams(3)
        self.objective = case.objective(streams)
        del self.objective.after_d_update  # the battery's stand-in: the page's own is under it
        self.G, self.D = small_pair(streams("weights"), case.critic_norm, self.objective, case.spectral_norm)
        numbers = streams.at("batch", 0)
        self.real = numbers.normal(size=(4, SIDE, SIDE, 1))
        self.z = numbers.normal(size=(4 * self.objective.fakes, 3))
        d_params = list(self.D.named_params())
        self.d_optimizer = Adam(d_params, lr=1e-3) if self.objective.trains_d else Idle()
        self.g_optimizer = Adam(self.G.named_params(), lr=1e-3)
        streams.seek(0)

    def watch(self) -> Explanation:
        """Both steps, watched."""
        d_events = watch_d(self.D, self.G, self.objective, self.d_optimizer, self.real, self.z)
        g_events = watch_g(self.D, self.G, self.objective, self.g_optimizer, self.real, self.z)
        return Explanation(self.objective, d_events, g_events)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that a step may change."""
        networks = {"G": self.G, "D": self.D}
        found = {f"{n}.{name}": a for n, net in networks.items() for name, a in net.named_params()}
        found |= {f"{n}.{name}": a for n, net in networks.items() for name, a in net.named_buffers()}
        return found | {f"objective.{name}": a for name, a in self.objective.named_buffers()}


@cache
def story(name: str, critic_norm: str | None = "layer") -> Story:
    """The story of a small step of the objective `name`."""
    return tell(Config(objective=name), Game(StepCase(name, critic_norm)).watch())


def through(D: Layer, name: str = "wgan", x: np.ndarray | None = None) -> tuple[Objective, list[Event]]:
    """A generator's step through `D`, whose inputs are rows of 4 numbers; G is a linear layer with weights of 1/2."""
    G = Network(Linear(4, 4, rng=np.random.default_rng(0), dtype=np.float64))
    G.layers[0].weight[...] = np.eye(4) / 2
    x = np.random.default_rng(1).normal(size=(5, 4)) if x is None else x
    game = get(name)
    return game, watch_g(D, G, game, SGD(G.named_params(), lr=0.1), x, x)

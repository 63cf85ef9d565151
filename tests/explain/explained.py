"""Small steps to explain: every step of the battery on pictures of 6 x 6, and networks made for one purpose."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from minigan.checks import StepCase
from minigan.explain.events import Event
from minigan.explain.layout import Story
from minigan.explain.sections import describe
from minigan.explain.step import Explanation, Part, watch_d, watch_g
from minigan.layers import Layer, Linear, Network
from minigan.objectives import get
from minigan.optim import SGD, Adam
from minigan.random import Streams
from minigan.training.config import Config


class Step:
    """Networks, objective and batches of a case, the same every time it is made."""

    def __init__(self, case: StepCase) -> None:
        streams = Streams(3)
        self.objective = case.objective(streams)
        del self.objective.after_d_update  # the battery's stand-in: the page's own is under it
        self.G, self.D = case.pair(streams, self.objective)
        numbers = streams.at("batch", 0)
        self.real = numbers.normal(size=(4, *case.sample_shape))
        self.z = numbers.normal(size=(4 * self.objective.fakes, 3))
        self.labels = numbers.permutation(4)
        self.d_optimizer: Any = Adam(self.D.named_params(), lr=1e-3) if self.objective.trains_d else None
        self.g_optimizer = Adam(self.G.named_params(), lr=1e-3)
        self.d, self.g = (case.given(network, self.labels) for network in (self.D, self.G))
        streams.seek(0)

    def watch(self) -> Explanation:
        """Both turns, watched."""
        d_events = watch_d(self.d, self.g, self.objective, self.d_optimizer, self.real, self.z)
        g_events = watch_g(self.d, self.g, self.objective, self.g_optimizer, self.z, self.real)
        return Explanation([Part("D", "moves D", d_events), Part("G", "moves G", g_events)])

    def d_events(self) -> list[Event]:
        """The events of D's turn."""
        return list(self.watch().parts[0].events)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that a step may change."""
        networks = {"G": self.G, "D": self.D}
        arrays = {f"{n}.{name}": a for n, net in networks.items() for name, a in net.named_params()}
        arrays |= {f"{n}.{name}": a for n, net in networks.items() for name, a in net.named_buffers()}
        return arrays | {f"objective.{name}": a for name, a in self.objective.named_buffers()}


@cache
def story(name: str, critic_norm: str | None = "layer") -> Story:
    """The story of a small step of the objective `name`."""
    return describe(Config(objective=name), Step(StepCase(name, critic_norm)).watch())


def through(D: Layer, name: str = "wgan", x: np.ndarray | None = None) -> list[Event]:
    """A generator's step through `D`, whose inputs are rows of 4 numbers; G is a linear layer with weights of 1/2."""
    linear = Linear(4, 4, rng=np.random.default_rng(0), dtype=np.float64)
    linear.weight[...] = np.eye(4) / 2
    G = Network(linear)
    x = np.random.default_rng(1).normal(size=(5, 4)) if x is None else x
    return watch_g(D, G, get(name), SGD(G.named_params(), lr=0.1), x, x)

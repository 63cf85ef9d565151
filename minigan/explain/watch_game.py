"""Watch a game: an objective and an optimizer that do what they always do, and are noted down."""

from __future__ import annotations

from collections.abc import Callable

from minigan.device import Array
from minigan.explain.events import Aftermath, Log, Loss, Move, Penalty, Update, caller, size
from minigan.explain.pages import spot
from minigan.layers import Layer
from minigan.layers.layer import Grads
from minigan.objectives import Objective
from minigan.optim.optimizer import flatten
from minigan.training.observed import Observed
from minigan.training.steps import Optimizer


class WatchedGame(Observed):
    """An objective whose losses and penalty are noted, and what it does behind D's update."""

    def __init__(self, objective: Objective, log: Log) -> None:
        super().__init__(objective)
        self.log = log
        if objective.penalty is not None:
            self.penalty = self._paid(objective.penalty)

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        value, da, db = super().d_loss(a, b)
        method = spot(type(self.inner).d_loss)
        self.log.events.append(Loss("D", caller(), method, float(value), {"da": size(da), "db": size(db)}))
        return value, da, db

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        value, db = super().g_loss(b)
        page = type(self.inner)
        method = spot(page.joint_g_loss if self.inner.compares else page.g_loss)
        self.log.events.append(Loss("G", caller(), method, float(value), {"db": size(db)}))
        return value, db

    def _paid(self, penalty: Callable[..., Array]) -> Callable[..., Array]:
        def paid(D: Layer, real: Array, fake: Array, grads: Grads) -> Array:
            event = Penalty(caller())
            self.log.events.append(event)
            value = penalty(D, real, fake, grads)
            event.value = float(value)
            return value

        return paid

    def after_d_update(self, D: Layer) -> None:
        before = {name: w.copy() for name, w in D.named_params()}
        numbers = self._numbers()
        super().after_d_update(D)
        changed = {name: float((w != before[name]).mean()) for name, w in D.named_params()}
        now = self._numbers()
        moved = {name: (old, now[name]) for name, old in numbers.items() if now[name] != old}
        changed = {name: share for name, share in changed.items() if share}
        if changed or moved:
            method = spot(type(self.inner).after_d_update)
            self.log.events.append(Aftermath(caller(), method, changed, moved))

    def _numbers(self) -> dict[str, float]:
        return {name: float(number) for name, number in self.inner.named_buffers()}


class WatchedOptimizer:
    """An optimizer whose gradients and changes are noted."""

    def __init__(self, optimizer: Optimizer, network: Layer, player: str, log: Log) -> None:
        self.optimizer, self.network, self.player, self.log = optimizer, network, player, log

    def step(self, grads: Grads) -> None:
        """Use the gradients."""
        before = {name: w.copy() for name, w in self.network.named_params()}
        sizes = {name: size(grad) for name, grad in flatten(grads).items()}
        self.optimizer.step(grads)
        moves = [
            Move(name, size(before[name]), sizes[name], size(w - before[name]))
            for name, w in self.network.named_params()
        ]
        self.log.events.append(Update(self.player, caller(), type(self.optimizer).__name__, moves))

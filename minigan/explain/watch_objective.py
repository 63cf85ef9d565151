"""Watched objectives and optimizers: they do what they always do, and record it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from minigan.device import Array
from minigan.explain.events import Aftermath, Log, Loss, Move, Penalty, Update, caller, size
from minigan.explain.pages import spot
from minigan.layers import Layer
from minigan.layers.layer import Grads
from minigan.objectives import Objective
from minigan.optim.optimizer import NotFinite, flatten
from minigan.training.steps import Optimizer


class WatchedObjective:
    """An objective whose losses and penalty are recorded, and what it does after D's update."""

    def __init__(self, objective: Objective, log: Log) -> None:
        self.objective, self.log = objective, log
        self.penalty = None if objective.penalty is None else self._penalty

    def __getattr__(self, name: str) -> Any:
        return getattr(self.objective, name)

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        """D's loss and its gradients."""
        value, da, db = self.objective.d_loss(a, b)
        self._loss("D", "d_loss", value, da=da, db=db)
        return value, da, db

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        """G's loss and its gradient."""
        value, db = self.objective.g_loss(b)
        self._loss("G", "g_loss", value, db=db)
        return value, db

    def joint_g_loss(self, a: Array, b: Array) -> tuple[Array, Array]:
        """G's loss and its gradient, where the loss compares."""
        value, db = self.objective.joint_g_loss(a, b)
        self._loss("G", "joint_g_loss", value, db=db)
        return value, db

    def after_d_update(self, D: Layer) -> None:
        """Called after D's update."""
        before = {name: w.copy() for name, w in D.named_params()}
        numbers = self._numbers()
        self.objective.after_d_update(D)
        shares = {name: float((w != before[name]).mean()) for name, w in D.named_params()}
        now = self._numbers()
        moved = {name: (old, now[name]) for name, old in numbers.items() if now[name] != old}
        changed = {name: share for name, share in shares.items() if share}
        if changed or moved:
            method = spot(type(self.objective).after_d_update)
            self.log.events.append(Aftermath(self.objective, caller(), method, changed, moved))

    def _loss(self, side: str, method: str, value: Array, **gradients: Array) -> None:
        place = spot(getattr(type(self.objective), method))
        sizes = {name: size(gradient) for name, gradient in gradients.items()}
        self.log.events.append(Loss(side, self.objective, caller(), place, float(value), sizes))

    def _penalty(self, D: Layer, real: Array, fake: Array, grads: Grads) -> Array:
        assert self.objective.penalty is not None
        event = Penalty(self.objective, caller())
        self.log.events.append(event)
        value = self.objective.penalty(D, real, fake, grads)
        event.value = float(value)
        return value

    def _numbers(self) -> dict[str, float]:
        return {name: float(number) for name, number in self.objective.named_buffers()}


class WatchedOptimizer:
    """An optimizer whose gradients and changes are recorded."""

    def __init__(self, optimizer: Optimizer, network: Layer, player: str, log: Log) -> None:
        self.optimizer, self.network, self.player, self.log = optimizer, network, player, log

    def __getattr__(self, name: str) -> Any:
        return getattr(self.optimizer, name)

    def step(self, grads: Grads) -> None:
        """Move the parameters."""
        before = {name: w.copy() for name, w in self.network.named_params()}
        sizes = {name: size(grad) for name, grad in flatten(grads).items()}
        with suppress(NotFinite):  # nothing moves, and the record shows where the gradients came from
            self.optimizer.step(grads)
        moves = [
            Move(name, size(before[name]), sizes[name], size(w - before[name]))
            for name, w in self.network.named_params()
        ]
        self.log.events.append(Update(self.player, caller(), type(self.optimizer), moves))

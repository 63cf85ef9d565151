"""A trial: one step that moves no weight, to try how much memory a batch takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minigan.training.draw import Draw
from minigan.training.system import System, Turn


class Still:
    """An optimizer that moves nothing."""

    def step(self, grads: Mapping[str, Any]) -> None:
        """Do nothing."""


def play_still(system: System, turns: list[Turn], draw: Draw) -> None:
    """Play the turns without an update. Running statistics move: not for a run that continues."""
    optimizers = {name: player.optimizer for name, player in system.players.items()}
    try:
        for player in system.players.values():
            player.optimizer = Still()  # type: ignore[assignment]
        for turn in turns:
            turn.play(draw)
    finally:
        for name, optimizer in optimizers.items():
            system.players[name].optimizer = optimizer

"""Replays: the steps of a run as launches of CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from minigan.device import Array
from minigan.engine.captured import Books, Captured
from minigan.training.draw import FromHost, OnDevice
from minigan.training.observed import Observed
from minigan.training.state import State

OWN_COUNT = {"d_optimizer", "g_optimizer", "average"}  # counted by the optimizers
Turn: TypeAlias = Callable[[], Array]  # an update of one player; returns its loss


class RunBooks:
    """The books of a run: what its state counts, and the real batches that its source has given."""

    def __init__(self, state: State, source: FromHost | OnDevice) -> None:
        self.state, self.source = state, source

    def open(self) -> None:
        """Tell the GPU the learning rates and the counts of the optimizers, where they are not what it counts by."""
        self.state.d_optimizer.on_device()
        self.state.g_optimizer.on_device()

    def read(self) -> dict[str, int]:
        """All counts."""
        return {"seen": self.source.seen, **self.state.counts()}

    def write(self, numbers: Mapping[str, int]) -> None:
        """Set them."""
        self.source.seen = numbers["seen"]
        self.state.set_counts({name: n for name, n in numbers.items() if name != "seen"})

    def advance(self, moves: Mapping[str, int]) -> None:
        """Count a replay: the optimizers count for themselves, and for the average."""
        for name, optimizer in (("d_optimizer", self.state.d_optimizer), ("g_optimizer", self.state.g_optimizer)):
            for _ in range(moves[name]):
                optimizer.count()
        counted = self.read()
        self.write(counted | {name: counted[name] + moves[name] for name in moves.keys() - OWN_COUNT})


class Replays:
    """One launch for the last update of D and G's update behind it, and one for each update of D before those.

    d_turn, g_turn   D's and G's update, with their batch and their noise
    observed         the game, which remembers what D last said; after a replay it knows what that replay said
    say              called once with words about a step that cannot be recorded, and why; such a step runs as before

    A game whose updates come in several forms (`Objective.phase`) has a graph for each.
    """

    def __init__(
        self, d_turn: Turn, g_turn: Turn, observed: Observed, books: Books, cuda: Any, say: Callable[[str], object]
    ) -> None:
        self._d_turn, self._g_turn, self._observed = d_turn, g_turn, observed
        self._books, self._cuda, self._say = books, cuda, say
        self._graphs: dict[tuple[str, int], Captured[Any]] = {}

    def step(self, critic_steps: int) -> tuple[Array | None, Array]:
        """A step with so many updates of D: D's last loss (None where D has no update) and G's."""
        for _ in range(critic_steps - 1):
            self._play("D", self._d_turn)
        return self._play("both", self._both) if critic_steps else self._play("G", lambda: (None, self._g_turn()))

    @property
    def why_not(self) -> str | None:
        """Why some of the steps are not recorded; None where nothing is against it."""
        return next((graph.why_not for graph in self._graphs.values() if graph.why_not), None)

    def _both(self) -> tuple[Array, Array]:
        return self._d_turn(), self._g_turn()

    def _play(self, name: str, turn: Callable[[], Any]) -> Any:
        key = name, self._observed.phase()
        if key not in self._graphs:
            self._graphs[key] = Captured(lambda: (turn(), self._observed.kept()), self._books, self._cuda)
        graph, before = self._graphs[key], self.why_not
        losses, kept = graph()
        self._observed.recall(kept)
        if before is None and graph.why_not is not None:
            self._say(f"steps are launched operation by operation, for they cannot be recorded: {graph.why_not}")
        return losses

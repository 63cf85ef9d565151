"""Plane: one GAN in the plane, trained turn by turn. Nothing here is aware of threads or pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

import numpy as np

from minigan import device
from minigan.data import Mixture
from minigan.lab.curve import Curve
from minigan.lab.presets import Preset
from minigan.lab.settings import AT_ONCE, config_of
from minigan.lab.sources import config_data, dataset_of, source_of
from minigan.optim import NotFinite
from minigan.random import Streams
from minigan.systems import GAN
from minigan.training import build
from minigan.training.draw import Draw
from minigan.training.steps import Outcome
from minigan.training.system import Turn
from minigan.watch.health import Health
from minigan.watch.judge import judge_for

LOG_EVERY, PROBE_EVERY = 10, 100  # steps between log points; between those that look into the networks as well
Play: TypeAlias = Callable[[Turn, Draw], Outcome]


def plainly(turn: Turn, draw: Draw) -> Outcome:
    """A turn as it always is."""
    return turn.play(draw)


class Plane:
    """The system `gan` on points, as Trainer has it: the same turns, the same draws, the same health monitor.

    preset     what it follows from
    source     the density of the data: a Mixture or a Drawing
    step       whole steps so far; `part`: turns of D since the last of them
    outcomes   of the last turn of each name
    settings   what can change at once: both rates, D's turns per step
    moves      what a person did and when; `done` of them lie before the present place
    failed     why it cannot continue from here; "" where it can
    """

    def __init__(self, preset: Preset) -> None:
        self.preset, self.source = preset, source_of(preset.data)
        self.config = config_of(preset.choices, config_data(self.source), preset.seed)
        streams = Streams(preset.seed)
        self.dataset = dataset_of(self.source, streams("data"))
        about = {"real": self.dataset.about()}
        system = build.system(self.config, about)
        assert isinstance(system, GAN)
        self.system, self.objective = system, system.objective
        self.draw = Draw({"real": self.dataset}, self.config.batch_size, preset.seed, device.choose("cpu"))
        system.connect(self.draw)
        self.networks = {name: player.network for name, player in system.players.items()}
        self.step, self.part, self.failed = 0, 0, ""
        self.outcomes: dict[str, Outcome] = {}
        self.settings = {name: getattr(self.config, name) for name in AT_ONCE}
        self.moves, self.done = [list(move) for move in preset.moves], 0
        self.points: list[dict[str, Any]] = []  # of the log
        self.curve = Curve()
        self.new_health()
        for _ in system.before(self.draw):
            pass

    @property
    def G(self) -> Any:
        """The network that samples are drawn from."""
        return self.system.drawing

    @property
    def D(self) -> Any:
        """The discriminator, trained or not."""
        return self.networks["D"] if self.objective.trains_d else self.system.frozen["D"]

    @property
    def has_opinion(self) -> bool:
        """Does D give one number per sample?"""
        return self.objective.output in ("score", "mean", "covariance", "autoencoder")

    @property
    def place(self) -> tuple[int, int]:
        """Step and part."""
        return self.step, self.part

    def advance(self, play: Play = plainly) -> None:
        """The next turn: what was done here before, or else D's turns and then G's. `play` makes it."""
        while self.done < len(self.moves) and tuple(self.moves[self.done][:2]) == self.place:
            _, _, kind, *rest = self.moves[self.done]
            self.done += 1
            if kind == "set":
                self._set(*rest)
            else:
                self._turn(kind.upper(), play)
                return
        wanted = self.objective.critic_steps(self.step, self.settings["n_critic"]) if self.objective.trains_d else 0
        self._turn("D" if self.part < wanted else "G", play)

    def whole(self, play: Play = plainly) -> None:
        """Turns until a step is over."""
        before = self.step
        while self.step == before:
            self.advance(play)

    def alone(self, player: str) -> None:
        """One turn of D or of G, whoever would be next; a move."""
        if player == "D" and not self.objective.trains_d:
            raise ValueError(f"{self.objective.name} has no D to train: G compares samples with data directly.")
        self.add_move(player.lower())
        self._turn(player, plainly)

    def change(self, name: str, value: float) -> None:
        """A setting that changes at once; a move."""
        self.add_move("set", name, value)
        self._set(name, value)

    def add_move(self, *move: Any) -> None:
        """Note a move at the present place. What was done after it, before somebody went back, is cut off."""
        self.moves = [*self.moves[: self.done], [self.step, self.part, *move]]
        self.done += 1

    def peek(self, player: str) -> tuple[Turn, int]:
        """The turn of a player at the present place, and the part of its random numbers."""
        moved = (player,)
        play = self.system.d_turn if player == "D" else self.system.g_turn
        return Turn(player, moved, play), self.part + 1 if player == "D" else 0

    def new_health(self) -> None:
        """A monitor that has seen the log so far."""
        self.health = Health(self.system, self.networks, self.draw, self.judge, _broken, quiet=True)
        self.health.replay(self.points)

    @property
    def judge(self) -> Any:
        """The judge that recognises points: the Gaussians of a mixture; None for other data."""
        return judge_for(self.source.name) if isinstance(self.source, Mixture) else None

    def copy(self) -> dict[str, Any]:
        """The state: everything that the next turns depend on, and what is shown of the last ones."""
        return {
            "arrays": {name: array.copy() for name, array in self.system.arrays().items()},
            "counts": self.system.counts(),
            "seen": dict(self.draw.seen),
            "settings": dict(self.settings),
            "outcomes": dict(self.outcomes),
            "points": len(self.points),
            "curve": self.curve.copy(),
            "step": self.step,
            "done": self.done,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a copy, which is of a whole step."""
        for name, array in self.system.arrays().items():
            array[...] = state["arrays"][name]
        self.system.set_counts(state["counts"])
        self.draw.seen.update(state["seen"])
        self.draw.begin_step()
        self.step, self.part, self.done, self.failed = state["step"], 0, state["done"], ""
        self.outcomes, self.curve = dict(state["outcomes"]), state["curve"].copy()
        for name, value in state["settings"].items():
            self._set(name, value)
        del self.points[state["points"] :]
        self.new_health()

    def readings(self) -> dict[str, float]:
        """Losses, what D makes of real and generated samples on average, and the objective's own numbers."""
        if not self.outcomes.keys() >= {"G"}:
            return {f"{name.lower()}_loss": float(outcome.loss) for name, outcome in self.outcomes.items()}
        return {name: float(value) for name, value in self.system.readings(self.outcomes).items()}

    def played(self, turn: Turn, outcome: Outcome) -> None:
        """Take what a turn found: losses, health, the place."""
        self.outcomes[turn.name] = outcome
        self.health.after(turn, outcome)
        self.health.check_losses({f"{turn.name.lower()}_loss": float(outcome.loss)})
        if turn.name == "D":
            self.part += 1
            return
        self.step, self.part = self.step + 1, 0
        if self._is_log_point(self.step):
            point = {"step": self.step, **self.readings()}
            self.points.append(self.health.examined(point, self.outcomes, probe=self.step % PROBE_EVERY == 0))
        losses = [self.outcomes[name].loss if name in self.outcomes else np.nan for name in ("D", "G")]
        self.curve.add(self.step, float(losses[0]), float(losses[1]))

    def begin(self, player: str) -> Turn:
        """Everything before the turn of a player is played."""
        if self.failed:
            raise ValueError(f"{self.failed} Go back in time, or begin again with a smaller rate.")
        turn, part = self.peek(player)
        if self.part == 0:
            self.draw.begin_step()
            self.health.look(self.step, self._is_log_point(self.step + 1))
        self.draw.begin(self.step, part)
        self.health.before(turn)
        return turn

    def _turn(self, player: str, play: Play) -> None:
        turn = self.begin(player)
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                try:
                    self.played(turn, play(turn, self.draw))
                except NotFinite as error:
                    self.health.stop(turn, error)
        except FloatingPointError as error:
            self.failed = f"Step {self.step:,}: {error}."
            raise

    def _set(self, name: str, value: Any) -> None:
        self.settings[name] = value
        player = self.system.players.get(name[0].upper())
        if name != "n_critic" and player is not None:
            player.optimizer.lr = value

    def _is_log_point(self, step: int) -> bool:
        return step % LOG_EVERY == 0


def _broken(reason: str) -> NoReturn:
    raise FloatingPointError(reason)

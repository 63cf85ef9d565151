from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from own_systems import SYSTEMS

from minigan import System, Trainer
from minigan.checks.systems import system_errors
from minigan.data import Dataset, ring
from minigan.gradcheck import TOLERANCE
from minigan.runs import checkpoint

N, BATCH = 240, 24


def points(seed: int, turn: float = 0.0) -> Dataset:
    rng = np.random.default_rng(seed)
    labels = rng.integers(8, size=N)
    noise = 0.02 * rng.normal(size=(N, 2))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return Dataset("own", ((ring().centres[labels] + noise) @ rotation).astype(np.float32), labels, "drawn for a test")


def data_for(system: System) -> dict[str, Dataset]:
    return {name: points(seed, turn=0.3 * seed) for seed, name in enumerate(system.data)}


def made(name: str, hidden: int = 8) -> System:
    system: System = SYSTEMS[name](np.random.default_rng(0), hidden)
    return system


def trained(name: str, folder: Path, hidden: int = 8, **options: object) -> dict[str, np.ndarray]:
    system = made(name, hidden)
    Trainer(system, data_for(system), folder, batch_size=BATCH, epochs=3, quiet=True, **options).train()
    return arrays_of(folder)


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    *_, newest = sorted((folder / "checkpoints").glob("step-*.npz"))
    return checkpoint.load(newest)[0]


class Killed(Exception):
    pass


def kill(trainer: Trainer) -> None:
    """Between two checkpoints."""
    if trainer.step == 6 * trainer.total // 10:
        raise Killed


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_turn_passes_the_gradient_check(name: str) -> None:
    system = made(name)
    rng = np.random.default_rng(1)
    for player in system.players.values():
        player.network.convert(lambda array: rng.normal(size=array.shape) * 0.5 + (array.ndim == 1))
    errors = system_errors(system, data_for(system), batch_size=6)
    assert set(errors) == {turn.name for turn in system.turns(0, 10)}
    assert max(errors.values()) < TOLERANCE


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_run_that_was_killed_and_resumed_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    whole = trained(name, tmp_path / "whole")
    system = made(name)
    with pytest.raises(Killed):
        trainer = Trainer(
            system,
            data_for(system),
            tmp_path / "killed",
            batch_size=BATCH,
            epochs=3,
            quiet=True,
            hooks=[kill],
        )
        trainer.train()
    system = made(name)
    resumed = Trainer.resume(tmp_path / "killed", system=system, data=data_for(system), quiet=True)
    assert 0 < resumed.step < 6 * resumed.total // 10
    resumed.train()
    again = arrays_of(tmp_path / "killed")
    assert whole.keys() == again.keys()
    assert [key for key in whole if not np.array_equal(whole[key], again[key])] == []


@pytest.mark.parametrize("name", SYSTEMS)
def test_two_threads_agree_with_one_within_rounding(name: str, tmp_path: Path) -> None:
    one = trained(name, tmp_path / "one", hidden=256, threads=1)
    two = trained(name, tmp_path / "two", hidden=256, threads=2)
    weights = [key for key in one if "_optimizer/" not in key]
    np.testing.assert_allclose(*(np.concatenate([a[key].ravel() for key in weights]) for a in (one, two)), atol=2e-4)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_parameter_moves_and_is_in_the_checkpoint(name: str, tmp_path: Path) -> None:
    system = made(name)
    start = {key: array.copy() for key, array in system.arrays().items()}
    end = trained(name, tmp_path / "run")
    assert start.keys() == end.keys()
    still = [
        f"{player}/{param}"
        for player in system.players
        for param, _ in system.players[player].network.named_params()
        if np.array_equal(start[f"{player}/{param}"], end[f"{player}/{param}"])
    ]
    assert still == []


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_run_has_pictures_losses_of_every_turn_and_a_closing_message(name: str, tmp_path: Path) -> None:
    system = made(name)
    trainer = Trainer(system, data_for(system), tmp_path / "run", batch_size=BATCH, epochs=3, quiet=True)
    trainer.train()
    message = trainer.finish()
    assert str(tmp_path / "run") in message and "health" in message
    last = trainer.run.log()[-1]
    assert {f"{turn.name.lower()}_loss" for turn in system.turns(0, trainer.total)} <= last.keys()
    for file in ("samples.png", "losses.png", "training.gif", "command.txt", "versions.json"):
        assert (tmp_path / "run" / file).stat().st_size > 0

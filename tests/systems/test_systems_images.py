"""SRGAN and CycleGAN: gradients, kills, threads, pools, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan import Trainer, device
from minigan.checks.image_systems import small_cyclegan, small_srgan
from minigan.data.enlarging import shrink
from minigan.layers import Layer
from minigan.runs import checkpoint
from minigan.systems.pool import Pool
from minigan.training.config import Config
from minigan.training.draw import Draw
from minigan.training.steps import generator_step
from minigan.training.system import System

BATCH = 6
Make = Callable[[], tuple[System, dict[str, Any]]]
SMALL: dict[str, Make] = {"srgan": small_srgan, "cyclegan": small_cyclegan}
each = pytest.mark.parametrize("name", SMALL)


class Killed(Exception):
    pass


def no_judge(name: str) -> None:
    return None


def trainer_of(make: Make, folder: Path, **options: Any) -> Trainer:
    system, datasets = make()
    kinds = {"batch_size": BATCH, "epochs": 2, "score_every": 5, "quiet": True, "judge": no_judge}
    return Trainer(system, datasets, folder, **kinds, **options)


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    *_, newest = sorted((folder / "checkpoints").glob("step-*.npz"))
    return checkpoint.load(newest)[0]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Trainer, Path, dict[str, np.ndarray]]]:
    """A run of 20 steps of each system, and its arrays before."""
    found = {}
    for name, make in SMALL.items():
        folder = tmp_path_factory.mktemp("runs") / name
        trainer = trainer_of(make, folder)
        before = {key: array.copy() for key, array in trainer.system.arrays().items()}
        trainer.train()
        found[name] = trainer, folder, before
    return found


@each
@pytest.mark.parametrize("at", [4, 10, 14])  # of 20: in each stage, and between; the pools are full from step 2 on
def test_a_run_that_was_killed_and_resumed_ends_with_the_same_bits(
    name: str, at: int, runs: Any, tmp_path: Path
) -> None:
    def kill(trainer: Trainer) -> None:
        if trainer.step == at:
            trainer.save()
            raise Killed

    with pytest.raises(Killed):
        trainer_of(SMALL[name], tmp_path / "run", hooks=[kill]).train()
    system, datasets = SMALL[name]()
    resumed = Trainer.resume(tmp_path / "run", system=system, data=datasets, quiet=True, judge=no_judge)
    assert resumed.step == at
    resumed.train()
    whole, again = arrays_of(runs[name][1]), arrays_of(tmp_path / "run")
    assert whole.keys() == again.keys()
    assert [key for key in whole if not np.array_equal(whole[key], again[key])] == []


@each
def test_two_threads_agree_with_one_within_rounding(name: str, runs: Any, tmp_path: Path) -> None:
    trainer_of(SMALL[name], tmp_path / "two", threads=2).train()
    one, two = arrays_of(runs[name][1]), arrays_of(tmp_path / "two")
    weights = [key for key in one if "_optimizer/" not in key]
    for key in weights:
        np.testing.assert_allclose(two[key], one[key], atol=2e-3, err_msg=key)


@each
def test_every_parameter_moves_and_frozen_networks_stay(name: str, runs: Any) -> None:
    trainer, folder, before = runs[name]
    after = arrays_of(folder)
    assert before.keys() == after.keys()
    params = [f"{p}/{key}" for p, player in trainer.system.players.items() for key, _ in player.network.named_params()]
    assert [key for key in params if np.array_equal(before[key], after[key])] == []
    fresh, _ = SMALL[name]()
    for part, network in trainer.system.frozen.items():
        for (key, array), (_, first) in zip(network.named_params(), fresh.frozen[part].named_params(), strict=True):
            np.testing.assert_array_equal(array, first, err_msg=key)


@each
def test_the_best_checkpoint_has_the_smallest_error_of_held_out_images(name: str, runs: Any) -> None:
    trainer, *_ = runs[name]
    errors = {point["step"]: point["held_out_error"] for point in trainer.run.log() if "held_out_error" in point}
    assert list(errors) == [5, 10, 15, 20]
    assert errors[20] == trainer.system.held_out_error() and len({*errors.values()}) == 4
    assert trainer.run.best()[2]["step"] == min(errors, key=errors.__getitem__)


@each
def test_players_that_do_not_move_stay_bit_identical(name: str) -> None:
    system, datasets = SMALL[name]()
    draw = Draw(datasets, BATCH, 0, device.choose("cpu"))
    system.connect(draw)
    for step in (0, 80):
        for part, turn in enumerate(system.turns(step, 100)):
            draw.begin(step, part)
            before = {key: array.copy() for key, array in system.arrays().items()}
            turn.play(draw)
            still = [p for p in system.players if p not in turn.moves]
            for key, array in system.arrays().items():
                if key.split("/")[0].removesuffix("_optimizer") in still:
                    running = "running" in key  # a generator that D's turn uses is in training mode
                    assert running or np.array_equal(array, before[key]), (turn.name, key)


@each
def test_a_gpu_would_compute_the_same_without_waiting(name: str) -> None:
    def played(move: Callable[[Any], Any], context: Callable[[], Any]) -> dict[str, np.ndarray]:
        system, datasets = SMALL[name]()
        for part in (*(player.network for player in system.players.values()), *system.frozen.values()):
            part.convert(move)
        draws = Moved(datasets, BATCH, 0, device.choose("cpu"), move)
        system.connect(draws)
        fresh(system, move)
        with context():
            for step in (0, 1, 2, 80):
                for part_of_step, turn in enumerate(system.turns(step, 100)):
                    draws.begin(step, part_of_step)
                    turn.play(draws)
        return system.arrays()

    on_host = played(lambda a: a.copy(), strict.counted_syncs)
    away = played(lambda a: strict.to_device(a.copy()), strict.no_sync)
    for key, array in on_host.items():
        home = away[key] if isinstance(away[key], np.ndarray) else strict.to_host(away[key])
        np.testing.assert_allclose(home, array, atol=2e-3, err_msg=key)


class Moved(Draw):
    """Draws whose batches are moved to the device that is not there."""

    def __init__(self, datasets: Any, batch_size: int, seed: int, on: Any, move: Callable[[Any], Any]) -> None:
        super().__init__(datasets, batch_size, seed, on)
        self.move = move

    def _next(self, name: str) -> Any:
        x, labels = super()._next(name)
        return self.move(x), labels


def fresh(system: Any, move: Callable[[Any], Any]) -> None:
    """Optimizers, pools and the content's unit where the networks now are."""
    from minigan.optim import Adam

    for player in system.players.values():
        player.optimizer = Adam(player.network.named_params(), 1e-3)
    for pool in getattr(system, "pools", {}).values():
        pool.images = move(pool.images)
    if getattr(system, "content", None) is not None:
        system.content.v = move(system.content.v)


def test_the_second_stage_keeps_the_weights_of_the_first(runs: Any) -> None:
    trainer, _, before = runs["srgan"]
    system, G = trainer.system, trainer.system.players["G"].network
    low = shrink(trainer.draw.datasets["held out"].batch(np.arange(4)), 2)
    assert int(system.stage) == 1
    last, first = system.enlarge(low, mix=1), system.enlarge(low, mix=0)
    assert (last != first).any()
    np.testing.assert_array_equal(system.enlarge(low, mix=1), last)  # the weights are G's own again
    with system.mixed(0.25) as between:
        array, name = next((array.copy(), name) for name, array in between.named_params())
    own = dict(G.named_params())[name]
    np.testing.assert_allclose(array, 0.75 * system.first[name] + 0.25 * own, rtol=1e-6)


def test_an_enlarger_takes_any_size(runs: Any) -> None:
    assert runs["srgan"][0].system.enlarge(np.zeros((1, 9, 13, 1), np.float32)).shape == (1, 18, 26, 1)


def test_with_an_identity_for_generators_the_identity_loss_is_zero() -> None:
    class Same(Layer):
        def forward(self, x: Any, train: bool = True) -> Any:
            return x, None

        def input_grad(self, dy: Any, cache: Any) -> Any:
            return dy

    system, datasets = small_cyclegan(identity=7.0, colours=1)
    for name in ("G_AB", "G_BA"):
        system.players[name].network = Same()
    a = datasets["A"].batch(np.arange(3))
    _, loss, _ = system.one_way("A", "B", a, {"G_AB": {}, "G_BA": {}})
    system.weights = system.weights._replace(identity=0.0)
    assert loss == system.one_way("A", "B", a, {"G_AB": {}, "G_BA": {}})[1]


def test_without_ways_back_a_generator_learns_as_that_of_a_gan() -> None:
    system, datasets = small_cyclegan()
    system.weights = system.weights._replace(cycle_a=0.0, cycle_b=0.0)
    grads: dict[str, Any] = {"G_AB": {}, "G_BA": {}}
    a = datasets["A"].batch(np.arange(3))
    system.one_way("A", "B", a, grads)
    there, D = system.players["G_AB"].network, system.players["D_B"].network

    class Kept:
        def step(self, found: Any) -> None:
            self.grads = found

    kept = Kept()
    generator_step(D, there, system.objective, kept, a)
    assert grads["G_BA"] == {}
    np.testing.assert_array_equal(grads["G_AB"]["1"]["weight"], kept.grads["1"]["weight"])


def test_with_a_d_that_is_constant_a_generator_learns_from_the_way_back_alone() -> None:
    system, datasets = small_cyclegan()
    there, back, D = (system.players[name].network for name in ("G_AB", "G_BA", "D_B"))
    for _, array in D.named_params():
        array[...] = 0
    grads: dict[str, Any] = {"G_AB": {}, "G_BA": {}}
    a = datasets["A"].batch(np.arange(3))
    system.one_way("A", "B", a, grads)
    alone: dict[str, Any] = {"G_AB": {}, "G_BA": {}}
    fake, c_there = there.forward(a)
    again, c_back = back.forward(fake)
    d_fake = back.backward(system.weights.cycle_a * np.sign(again - a) / a.size, c_back, alone["G_BA"])
    there.backward(d_fake, c_there, alone["G_AB"], need_dx=False)
    for found, kept in ((grads["G_AB"], alone["G_AB"]), (grads["G_BA"], alone["G_BA"])):
        np.testing.assert_allclose(found["1"]["weight"], kept["1"]["weight"], rtol=1e-5, atol=1e-9)


def numbers(n: int, start: float = 0) -> np.ndarray:
    """n images of one pixel, each another number."""
    return (start + np.arange(n, dtype=np.float32)).reshape(n, 1, 1, 1)


def test_a_pool_shows_the_first_images_as_they_are_then_half_old_ones() -> None:
    rng, pool = np.random.default_rng(0), Pool(50, (1, 1, 1), np.zeros(1, np.float32))
    for start in range(0, 56, 8):
        fakes = numbers(8, start)
        np.testing.assert_array_equal(pool.exchange(fakes, rng), fakes)
    np.testing.assert_array_equal(pool.images.ravel(), np.arange(50))
    old = 0
    for start in range(100, 100 + 8 * 500, 8):
        before, fakes = set(pool.images.ravel()), numbers(8, start)
        shown = pool.exchange(fakes, rng)
        assert set(shown.ravel()) <= before | set(fakes.ravel())
        assert set(pool.images.ravel()) | set(shown.ravel()) == before | set(fakes.ravel())  # nothing is lost
        old += int((shown != fakes).sum())
    n = 8 * 500
    assert abs(old / n - 0.5) < 3 * 0.5 / np.sqrt(n)


def test_every_place_of_a_pool_is_met_equally_often() -> None:
    rng, pool = np.random.default_rng(1), Pool(10, (1, 1, 1), np.zeros(1, np.float32))
    counts = np.bincount(np.concatenate([pool._places(numbers(3), rng) for _ in range(2000)]), minlength=10)
    assert (np.abs(counts - 600) < 5 * np.sqrt(600)).all()


def test_a_pool_of_size_zero_shows_the_fakes_themselves() -> None:
    fakes = numbers(4)
    assert Pool(0, (1, 1, 1), fakes).exchange(fakes, np.random.default_rng(0)) is fakes


def test_an_option_that_a_run_of_before_does_not_name_has_its_default() -> None:
    values = json.loads(Config(system="srgan", options={"skip": True}).dump())
    assert Config.load(json.dumps(values), Path("config.json")).options["skip"] is True
    del values["options"]["skip"]
    assert Config.load(json.dumps(values), Path("config.json")).options == {**values["options"], "skip": False}


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"system": "srgan", "data": "ring"}, "must be images"),
        ({"system": "cyclegan", "data": "mnist-10k"}, "must name two domains"),
        ({"system": "cyclegan", "options": {"identity": 0.5}}, "needs equal channels on both sides, got 1 and 3"),
        ({"system": "cyclegan", "options": {"downs": 3}}, "28 x 28 images do not divide into 8 x 8 blocks; 24 and 32"),
        ({"system": "cyclegan", "options": {"pool": 3}}, "--pool must be 0 or at least the batch size 8, got 3"),
        ({"system": "cyclegan", "options": {"data_b": "x"}}, "makes both domains: leave out --data-b x"),
        ({"system": "cyclegan", "objective": "ragan"}, "score for every patch"),
        ({"system": "cyclegan", "objective": "gmmn"}, "score for every patch"),
    ],
    ids=str,
)
def test_wrong_choices_are_refused_before_there_is_a_folder(
    choices: dict[str, Any], message: str, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(ValueError, match=message):
        Trainer.start(Config(**choices), folder, quiet=True)
    assert not folder.exists()

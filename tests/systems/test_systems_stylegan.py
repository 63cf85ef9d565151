"""StyleGAN: gradients, kills, threads, truncation, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan import Trainer, device
from minigan.checks.styled_systems import small_papers, small_stylegan
from minigan.checks.systems import exact, system_errors
from minigan.gradcheck import TOLERANCE
from minigan.layers import BatchNorm, Blur2d, LayerNorm, Noise
from minigan.models.stylegan import generator, levels, plain_discriminator, residual_discriminator
from minigan.objectives import LSGAN, MMDGAN
from minigan.optim import Adam
from minigan.runs import checkpoint
from minigan.systems.stylegan import EVERY, StyleGAN
from minigan.systems.truncation import Consulted, cutoff_of, psi_of, truncated
from minigan.training import build
from minigan.training.config import Config
from minigan.training.draw import Draw, Fixed
from minigan.watch.vitals import trace

BATCH = 6
MADE: dict[str, Callable[[], Any]] = {
    "plain": lambda: small_stylegan(average=0.9),
    "papers": small_papers,
}
each = pytest.mark.parametrize("name", MADE)


class Killed(Exception):
    pass


def no_judge(name: str) -> None:
    return None


def trainer_of(name: str, folder: Path, **options: Any) -> Trainer:
    system, datasets = MADE[name]()
    epochs = 4 * system.batches(0)  # 20 steps
    return Trainer(system, datasets, folder, batch_size=BATCH, epochs=epochs, quiet=True, judge=no_judge, **options)


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    *_, newest = sorted((folder / "checkpoints").glob("step-*.npz"))
    return checkpoint.load(newest)[0]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Trainer, Path, dict[str, np.ndarray]]]:
    """A run of 20 steps of each, and its arrays before."""
    found = {}
    for name in MADE:
        folder = tmp_path_factory.mktemp("runs") / name
        trainer = trainer_of(name, folder)
        before = {key: array.copy() for key, array in trainer.system.arrays().items()}
        trainer.train()
        found[name] = trainer, folder, before
    return found


def made(**options: Any) -> tuple[StyleGAN, Any]:
    system, datasets = small_stylegan(**options)
    system.a = np.full((), 0.5)
    return exact(system), datasets  # type: ignore[return-value]


def fixed(seed: int = 0) -> Fixed:
    return Fixed(np.random.default_rng(seed), device.choose("cpu"))


@each
def test_every_turn_passes_the_gradient_check_with_the_penalty_on_path_lengths(name: str) -> None:
    system, datasets = MADE[name]()
    system.a = np.full((), 0.5)
    errors = system_errors(exact(system), datasets, BATCH)
    assert max(errors.values()) < TOLERANCE, errors


def test_without_what_the_synthesis_sends_down_the_gradient_check_of_the_mapping_fails() -> None:
    system, datasets = made()
    paths = system._paths

    def half(z: Any, y: Any, grads: Any) -> Any:
        of_mapping = {i: {n: g.copy() for n, g in grads[i].items()} for i in ("2", "4")}
        loss = paths(z, y, grads)
        for i, inner in of_mapping.items():
            grads[i] = inner
        return loss

    system._paths = half  # type: ignore[method-assign]
    assert system_errors(system, datasets, BATCH)["G"] > 1e-3


def test_the_penalty_on_path_lengths_is_paid_in_every_fourth_step_alone() -> None:
    system, _ = small_stylegan()
    forms = [[turn.form() for turn in system.turns(step, 100)][-1] for step in range(2 * EVERY)]
    assert forms == [1, 0, 0, 0] * 2
    plain, _ = small_stylegan(path_length=0.0)
    assert {turn.form() for step in range(EVERY) for turn in plain.turns(step, 100)} == {0}


@pytest.mark.parametrize(("name", "at"), [("plain", 7), ("papers", 12)])  # of 20 steps; 12 has the penalty
def test_a_run_that_was_killed_and_resumed_ends_with_the_same_bits(
    name: str, at: int, runs: Any, tmp_path: Path
) -> None:
    def kill(trainer: Trainer) -> None:
        if trainer.step == at:
            trainer.save()
            raise Killed

    with pytest.raises(Killed):
        trainer_of(name, tmp_path / "run", hooks=[kill]).train()
    system, datasets = MADE[name]()
    resumed = Trainer.resume(tmp_path / "run", system=system, data=datasets, quiet=True, judge=no_judge)
    assert resumed.step == at
    resumed.train()
    whole, again = arrays_of(runs[name][1]), arrays_of(tmp_path / "run")
    assert whole.keys() == again.keys()
    assert [key for key in whole if not np.array_equal(whole[key], again[key])] == []


@pytest.mark.parametrize(("name", "threads"), [("plain", 2), ("papers", 4)])  # 4 cut the groups of 3
def test_several_threads_agree_with_one_within_rounding(name: str, threads: int, runs: Any, tmp_path: Path) -> None:
    trainer_of(name, tmp_path / "run", threads=threads).train()
    one, several = arrays_of(runs[name][1]), arrays_of(tmp_path / "run")
    for key in one:
        if "_optimizer/" not in key:
            np.testing.assert_allclose(several[key], one[key], atol=2e-3, err_msg=key)


@each
def test_every_parameter_moves(name: str, runs: Any) -> None:
    trainer, folder, before = runs[name]
    after = arrays_of(folder)
    params = [f"{p}/{key}" for p, player in trainer.system.players.items() for key, _ in player.network.named_params()]
    level = ["D/9.bias"] if name == "papers" else []  # rpgan compares: the level of D's scores has no gradient
    assert [key for key in params if np.array_equal(before[key], after[key])] == level
    assert float(after["saved/path_length"]) > 0


@each
def test_players_that_do_not_move_stay_bit_identical(name: str) -> None:
    system, datasets = MADE[name]()
    draw = Draw(datasets, BATCH, 0, device.choose("cpu"))
    system.connect(draw)
    for part, turn in enumerate(system.turns(0, 100)):
        draw.begin(0, part)
        before = {key: array.copy() for key, array in system.arrays().items()}
        turn.play(draw)
        (still,) = set(system.players) - set(turn.moves)
        for key, _ in system.players[still].network.named_params():
            np.testing.assert_array_equal(system.arrays()[f"{still}/{key}"], before[f"{still}/{key}"], err_msg=key)


@each
def test_a_gpu_would_compute_the_same_without_waiting(name: str) -> None:
    def played(move: Callable[[Any], Any], context: Callable[[], Any]) -> dict[str, Any]:
        system, datasets = MADE[name]()
        draw = Moved(datasets, BATCH, 0, device.choose("cpu"), move)
        for player in system.players.values():
            player.network.convert(move)
            player.optimizer = Adam(player.network.named_params(), 1e-3)
        system.a = move(system.a)
        system.connect(draw)
        with context():
            for step in (0, 1):
                for part, turn in enumerate(system.turns(step, 100)):
                    draw.begin(step, part)
                    turn.play(draw)
        return {key: a for key, a in system.arrays().items() if "average" not in key}

    on_host = played(lambda a: a.copy(), strict.counted_syncs)
    away = played(lambda a: strict.to_device(a.copy()), strict.no_sync)
    for key, array in on_host.items():
        home = away[key] if isinstance(away[key], np.ndarray) else strict.to_host(away[key])
        np.testing.assert_allclose(home, array, atol=2e-3, err_msg=key)


class Moved(Draw):
    """Draws whose arrays are moved to the device that is not there."""

    def __init__(self, datasets: Any, batch_size: int, seed: int, on: Any, move: Callable[[Any], Any]) -> None:
        super().__init__(datasets, batch_size, seed, on)
        self.move = move

    def _next(self, name: str) -> Any:
        x, labels = super()._next(name)
        return self.move(x), labels

    def _draw_noise(self, n: int, size: int) -> Any:
        return self.move(super()._draw_noise(n, size))


def test_the_health_monitor_sees_the_layers_inside_the_synthesis() -> None:
    G = small_stylegan(mixing=0.0)[0].players["G"].network
    z = fixed().noise(5, 3)
    traced = {name: (layer, y) for name, layer, y in trace(G, z, "G")}
    assert traced["G 6.convs.1.after.0"][0].__class__ is Blur2d and traced["G 6.convs.2.after.2"][1].min() < 0
    np.testing.assert_array_equal([*traced.values()][-1][1], G.forward(z)[0])
    G.layers[6].convs.layers[1].pair.weight[0] = np.nan  # type: ignore[attr-defined]
    assert next(name for name, _, y in trace(G, z, "G") if not np.isfinite(y).all()) == "G 6.convs.1.pair"


def test_truncation_by_one_changes_nothing_and_by_zero_leaves_one_image(runs: Any) -> None:
    system = runs["plain"][0].system
    plain = system.generate(fixed(), 8)
    np.testing.assert_array_equal(system.generate(fixed(), 8, psi=1.0), plain)
    mean = system.generate(fixed(), 8, psi=0.0)
    np.testing.assert_array_equal(mean, np.repeat(mean[:1], 8, axis=0))
    assert (system.generate(fixed(), 8, psi=0.5, cutoff=1) != plain).any()


def test_truncation_by_psi_and_its_negative_are_symmetric_about_the_mean(runs: Any) -> None:
    G = runs["plain"][0].system.drawing
    w = G.map(fixed().noise(5, G.z_dim))
    np.testing.assert_allclose((truncated(G, w, 0.7) + truncated(G, w, -0.7)) / 2, truncated(G, w, 0), atol=1e-6)
    cut = truncated(G, w, 0.5, 2)
    np.testing.assert_array_equal(cut[:, 2:], np.repeat(w[:, np.newaxis], G.L - 2, axis=1))
    others = w[::-1].copy()  # a mean for each sample
    np.testing.assert_array_equal(truncated(G, w, 0, mean=others), np.repeat(others[:, np.newaxis], G.L, axis=1))


def test_samples_are_a_function_of_their_noise_unless_random_pictures_are_asked_for(runs: Any) -> None:
    system = runs["plain"][0].system
    for layer in system.drawing.walk():
        if isinstance(layer, Noise):
            layer.strength += 1
    fixed_ones = system.generate(fixed(), 4)
    np.testing.assert_array_equal(system.generate(fixed(), 4), fixed_ones)
    random = system.generate(fixed(), 4, noise="random")
    assert (random != fixed_ones).any() and (system.generate(fixed(), 4, noise="none") != fixed_ones).any()
    np.testing.assert_array_equal(system.generate(fixed(), 4, noise="random"), random)
    np.testing.assert_array_equal(system.generate(fixed(), 4), fixed_ones)  # the mode is as before


def test_words_of_a_command_are_understood_or_refused(runs: Any) -> None:
    system = runs["plain"][0].system
    asked = system.answer(fixed(), 4, {"truncation": "0.5", "cutoff": "2", "noise": "none"})[0]
    np.testing.assert_array_equal(asked, system.generate(fixed(), 4, psi=0.5, cutoff=2, noise="none"))
    with pytest.raises(ValueError, match="this run takes no --class; it takes --truncation"):
        system.answer(fixed(), 4, {"class": "3"})
    for text in ("7", "nan", "inf", "much"):
        with pytest.raises(ValueError, match=r"a number from -2 to 2, got .*never seen in training"):
            psi_of(text)
    for text in ("0", "5", "-1", "two"):
        with pytest.raises(ValueError, match="a whole number from 1 to 4"):
            cutoff_of(text, 4)
    with pytest.raises(ValueError, match="noise must be one of fixed, random, none, got 'some'"):
        Consulted(system.drawing, "some")


@pytest.mark.parametrize(("size", "expected"), [(28, (7, 2)), (32, (4, 3)), (40, (5, 3)), (48, (6, 3)), (64, (4, 4))])
def test_sizes_are_a_base_times_a_power_of_two(size: int, expected: tuple[int, int]) -> None:
    assert levels((size, size, 1)) == expected


@pytest.mark.parametrize("shape", [(30, 30, 1), (28, 32, 1), (7, 7, 1), (36, 36, 3)])
def test_other_sizes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"H = 4, 5, 6 or 7 times a power of two \(28, 32, .*got"):
        levels(shape)


def test_points_are_refused() -> None:
    with pytest.raises(ValueError, match="stylegan generates images, got samples of shape"):
        Trainer.start(Config(system="stylegan", data="ring"))


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"options": {"discriminator": "residual", "group": 16}, "batch_size": 40}, "multiple of it, got 40"),
        ({"options": {"mixing": 1.5}}, r"mixing probability in \[0, 1\]"),
        ({"options": {"depth": 0}}, "depth, .* must be at least 1, got 0"),
        ({"options": {"style": "ada"}}, "style must be demod or adain, got ada"),
        ({"options": {"first": "z"}}, "first must be w or constant"),
        ({"options": {"path_length": -1.0}}, "path_length, a weight, must be 0 or positive"),
        ({"objective": "began"}, "stylegan needs an objective whose D gives a score"),
    ],
)
def test_choices_that_do_not_fit_are_refused_before_there_is_a_folder(
    choices: dict[str, Any], words: str, tmp_path: Path
) -> None:
    about = {"real": {"shape": [28, 28, 1]}}
    with pytest.raises(ValueError, match=words):
        build.system(Config(system="stylegan", **choices), about)


def test_objectives_without_a_score_are_refused() -> None:
    system, _ = small_stylegan(LSGAN())
    assert system.objective.name == "lsgan"
    with pytest.raises(ValueError, match="D gives a score"):
        small_stylegan(MMDGAN())


def test_the_papers_numbers_are_a_choice() -> None:
    config = Config(system="stylegan", paper=True, epochs=1.0)
    assert (config.objective, config.hyper["every"], config.betas) == ("r1", 16, (0.0, 0.99))
    assert (config.options["discriminator"], config.options["lr_mul"]) == ("residual", 0.01)
    assert config.options["style"] == "demod" and config.epochs == 1.0


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 3), (128, 128, 3)])
def test_networks_of_all_sizes_and_colours_fit_together(shape: tuple[int, int, int]) -> None:
    rng, small = np.random.default_rng(0), {"sample_shape": shape, "width": 0.1}
    G = generator(rng, z_dim=4, w_dim=5, mixing=0.5, **small)  # type: ignore[arg-type]
    image, _ = G.forward(rng.standard_normal((4, 4), dtype=np.float32))
    assert image.shape == (4, *shape) and 2 * (levels(shape)[1] + 1) == G.L
    for D in (plain_discriminator(rng, **small), residual_discriminator(rng, group=2, **small)):  # type: ignore[arg-type]
        assert D.forward(image)[0].shape == (4, 1)


@pytest.mark.parametrize(
    ("choices", "expected"),
    [({}, BatchNorm), ({"objective": "rpgan"}, LayerNorm), ({"penalty": "r1"}, LayerNorm)],
)
def test_a_plain_discriminator_has_the_norm_that_suits_the_objective(choices: dict[str, Any], expected: type) -> None:
    system = build.system(Config(system="stylegan", width=0.2, **choices), {"real": {"shape": [28, 28, 1]}})
    norms = {type(layer) for layer in system.players["D"].network.walk() if isinstance(layer, BatchNorm | LayerNorm)}
    assert norms == {expected}


def test_pictures_of_ones_own_have_the_residual_discriminator_and_r1(tmp_path: Path) -> None:
    digits, pictures = Config(system="stylegan"), Config(system="stylegan", data=tmp_path)
    assert (digits.objective, digits.d_lr, digits.options["discriminator"]) == ("hinge", 1e-3, "plain")
    assert (pictures.objective, pictures.hyper) == ("r1", {"gamma": 0.3, "every": 4})
    assert (pictures.d_lr, pictures.options["discriminator"], pictures.options["group"]) == (3e-3, "residual", 4)
    chosen = Config(system="stylegan", data=tmp_path, objective="hinge", options={"discriminator": "plain"})
    assert (chosen.objective, chosen.hyper, chosen.options["discriminator"]) == ("hinge", {}, "plain")

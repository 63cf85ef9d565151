"""StackGAN: gradients are in the battery of systems; here its captions, its stages, kills, threads, a GPU's rules."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import gpu_machine

from minigan import Trainer, device
from minigan.checks.systems import ExactDraw, exact, system_errors
from minigan.checks.text_systems import TEXTS, captioned_pictures, small_stackgan
from minigan.data import Dataset
from minigan.data.pairing import Captions
from minigan.data.vocabulary import Vocabulary
from minigan.engine.choose import choose
from minigan.gradcheck import TOLERANCE, Recorder, derivative_error
from minigan.layers import Upsample2d
from minigan.losses import apart
from minigan.models.stackgan import base_of
from minigan.models.text import TextEncoder, matching
from minigan.objectives import get
from minigan.optim import Adam, flatten
from minigan.runs import checkpoint
from minigan.systems.stackgan import StackGAN
from minigan.systems.stackgan_build import ENTRY
from minigan.training.config import Config
from minigan.training.draw import Draw
from minigan.watch.vitals import at_epoch

RNG = np.random.default_rng
STAGES = {"text": 1, "D1 and G1": 4, "D2 and G2": 8}  # a step in each stage, of 10


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    *_, newest = sorted((folder / "checkpoints").glob("step-*.npz"))
    return checkpoint.load(newest)[0]


def trained(folder: Path, *, large: bool = False, **options: Any) -> dict[str, np.ndarray]:
    """10 steps of 6 pictures: 2 of the encoder, 4 of each pair."""
    system, datasets = small_stackgan(large=large)
    Trainer(system, datasets, folder, batch_size=6, epochs=2.5, quiet=True, **options).train()
    return arrays_of(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    return trained(tmp_path_factory.mktemp("runs") / "whole")


def drawn(datasets: dict[str, Dataset], batch_size: int = 6) -> Draw:
    return Draw(datasets, batch_size, 0, device.choose("cpu"))


def changed(before: dict[str, np.ndarray], system: StackGAN) -> set[str]:
    """The players of which an array is another one now."""
    now = system.arrays()
    return {name.split("/")[0] for name, array in before.items() if not np.array_equal(array, now[name])}


# Captions and their pictures.


def test_the_matching_loss_has_the_gradients_that_it_states() -> None:
    texts, views = RNG(0).normal(size=(2, 5, 4))
    _, dtexts, dviews = matching(texts, views, 3.0)
    for x, gradient in ((texts, dtexts), (views, dviews)):
        assert derivative_error(lambda: matching(texts, views, 3.0)[0], x, gradient, RNG(1)) < TOLERANCE


def test_matching_costs_nothing_where_each_caption_finds_its_picture_and_chance_where_all_are_alike() -> None:
    assert matching(7 * np.eye(5), 0.1 * np.eye(5), 50.0)[0] == pytest.approx(0, abs=1e-12)
    assert matching(np.ones((5, 3)), np.ones((5, 3)))[0] == pytest.approx(2 * np.log(5))


def test_two_pictures_of_a_caption_are_kept_apart_by_the_gradient_that_is_stated() -> None:
    y = RNG(0).normal(size=(6, 3, 3, 2))
    loss, dy = apart(y)
    assert derivative_error(lambda: apart(y)[0], y, dy, RNG(1)) < TOLERANCE
    assert loss == pytest.approx(-np.log(np.abs(y[:3] - y[3:]).mean() + 1e-3))
    assert apart(3 * y)[0] < loss < apart(np.concatenate([y[:3], y[:3] + 1e-4]))[0]


def test_the_order_of_the_words_matters_and_the_padding_does_not() -> None:
    vocabulary = Vocabulary.of(["a red three on blue", "a blue three on red"])
    both = vocabulary.tokens(["a red three on blue", "a blue three on red"])
    encoder = TextEncoder(len(vocabulary), vocabulary.length, 4, rng=RNG(0))
    first, second = encoder.forward(both)[0]
    assert np.abs(first - second).max() > 1e-3
    longer = TextEncoder(len(vocabulary), vocabulary.length + 3, 4, rng=RNG(0))
    np.testing.assert_allclose(longer.forward(np.pad(both, ((0, 0), (0, 3))))[0], [first, second], rtol=1e-5)


def test_wrong_captions_never_describe_the_picture_and_half_of_them_nearly_do() -> None:
    dataset = captioned_pictures(48)
    assert dataset.captions is not None
    first = [texts[0] for texts in dataset.captions]
    vocabulary = Vocabulary.of(TEXTS)
    captions = Captions(dataset, vocabulary, device.choose("cpu"))
    words = {tuple(row): text for row, text in zip(vocabulary.tokens(TEXTS).tolist(), TEXTS, strict=True)}
    seen: dict[str, Counter[str]] = {"similar": Counter(), "any": Counter()}
    draw = drawn({"real": dataset})
    means: dict[str, set[str]] = {text: set() for text in TEXTS}  # the first captions of the pictures that it is of
    for texts in dataset.captions:
        for text in texts:
            means[text].add(texts[0])
    rows = np.flatnonzero([text == "a blue two" for text in first])[:6]
    for step in range(60):
        draw.begin(step, 1)
        for i, row in enumerate(captions.wrong(draw, rows).tolist()):
            text = words[tuple(row)]
            assert means[text] != {"a blue two"}
            seen["similar" if i < 3 else "any"][text] += 1
    apart = {t: len({*t.split()} ^ {"a", "blue", "two"}) for t in TEXTS}
    mean = {kind: sum(apart[t] * n for t, n in found.items()) / found.total() for kind, found in seen.items()}
    assert mean["similar"] < mean["any"]
    assert len(seen["any"]) >= 4


def test_captions_that_are_all_the_same_or_missing_are_refused() -> None:
    images = np.zeros((3, 8, 8, 3), np.uint8)
    cpu, vocabulary = device.choose("cpu"), Vocabulary.of(["a one"])
    with pytest.raises(ValueError, match="all captions of three are the same"):
        Captions(Dataset("three", images, None, "", (("a one",),) * 3), vocabulary, cpu)
    with pytest.raises(ValueError, match="three has no captions"):
        Captions(Dataset("three", images, None, ""), vocabulary, cpu)


def test_all_three_kinds_of_pairs_reach_the_discriminator() -> None:
    system, datasets = small_stackgan()
    draw = drawn(datasets)
    system.connect(draw)
    draw.begin(0, 1)
    outcome = system.d1_turn(draw)
    assert {name: len(scores) for name, scores in outcome.scores.items()} == {"real": 6, "fake": 6, "wrong": 6}
    a, b, w = (outcome.scores[name] for name in ("real", "fake", "wrong"))
    expected = (system.objective.d_loss(a, b)[0] + system.objective.d_loss(a, w)[0]) / 2
    assert outcome.loss == pytest.approx(float(expected))


@pytest.mark.parametrize("name", ["hinge", "lsgan"])
def test_other_objectives_pass_the_gradient_check(name: str) -> None:
    objective = get(name)
    objective.after_d_update = lambda D: None  # type: ignore[method-assign] # clipping has no gradient
    system, datasets = small_stackgan(objective, width=0.08)
    exact(system)
    errors = system_errors(system, datasets, 8, step=30)
    assert set(errors) == {"D1", "G1"} and max(errors.values()) < TOLERANCE


# Stages.


@pytest.mark.parametrize("stage", STAGES)
def test_only_the_players_of_a_stage_move(stage: str) -> None:
    system, datasets = small_stackgan()
    draw = drawn(datasets)
    system.connect(draw)
    before = {name: array.copy() for name, array in system.arrays().items()}
    system.begin_step(STAGES[stage], 10)
    draw.begin(STAGES[stage], 1)
    moves = set()
    for turn in system.turns(STAGES[stage], 10):
        turn.play(draw)
        moves |= set(turn.moves)
    expected = moves | {f"{name}_optimizer" for name in moves}
    assert changed(before, system) == expected
    assert system.stage == list(STAGES).index(stage)


def test_a_stage_begins_with_fresh_optimizers_and_its_own_rates() -> None:
    system, datasets = small_stackgan()
    system.players["G1"].optimizer.t = 5
    system.begin_step(20, 100)
    assert system.players["G1"].optimizer.t == 0
    rates = []
    for step in (20, 39, 50, 59):
        system.begin_step(step, 100)
        rates.append(system.players["D1"].optimizer.lr)
    assert rates == pytest.approx([1e-3, 1e-3, 0.5e-3, 0.05e-3])


def test_every_parameter_moves_and_is_in_the_checkpoint(whole: dict[str, np.ndarray]) -> None:
    system, _ = small_stackgan()
    start = {name: array.copy() for name, array in system.arrays().items()}
    assert start.keys() == whole.keys()
    parameters = [f"{p}/{name}" for p, player in system.players.items() for name, _ in player.network.named_params()]
    assert [name for name in parameters if np.array_equal(start[name], whole[name])] == []


FORMS = [(stage, False) for stage in STAGES] + [("D2 and G2", True)]  # the last: four times as large


@pytest.mark.parametrize(("stage", "large"), FORMS)
def test_a_run_that_was_killed_in_any_stage_ends_with_the_same_bits(
    stage: str, large: bool, whole: dict[str, np.ndarray], tmp_path: Path
) -> None:
    expected = trained(tmp_path / "whole", large=True) if large else whole

    def kill(trainer: Trainer) -> None:
        if trainer.step == STAGES[stage]:
            trainer.save()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "run", large=large, hooks=[kill])
    system, datasets = small_stackgan(large=large)
    resumed = Trainer.resume(tmp_path / "run", system=system, data=datasets, quiet=True)
    assert resumed.step == STAGES[stage]
    resumed.train()
    again = arrays_of(tmp_path / "run")
    assert expected.keys() == again.keys()
    assert [name for name, array in expected.items() if not np.array_equal(array, again[name])] == []


def gradients(stage: str, threads: int, large: bool) -> dict[str, np.ndarray]:
    """Of every turn of a stage, in float64, with its loss."""
    system, datasets = small_stackgan(large=large)
    exact(system)
    draw = ExactDraw(datasets, 7, 0, device.choose("cpu"))
    system.connect(draw)
    networks = {name: player.network for name, player in system.players.items()}
    chosen = choose(networks, threads=threads, batch_size=7, on_cpu=True)
    assert chosen.notes == ()  # every layer has a form for threads
    found = {}
    for name, player in system.players.items():
        player.network, player.optimizer = chosen.networks[name], Recorder()  # type: ignore[assignment]
    for part, turn in enumerate(system.turns(STAGES[stage], 10)):
        draw.begin(0, part)
        outcome = turn.play(draw)
        found |= {f"{turn.name} {name}": array for name, array in flatten(outcome.grads).items()}
        found[turn.name] = np.asarray(outcome.loss)
    return found


@pytest.mark.parametrize(("stage", "large"), FORMS)
def test_two_threads_agree_with_one_within_rounding(stage: str, large: bool) -> None:
    one, two = gradients(stage, 1, large), gradients(stage, 2, large)
    assert one.keys() == two.keys()
    for name, array in one.items():
        np.testing.assert_allclose(two[name], array, rtol=0, atol=1e-10 * max(1, np.abs(array).max()), err_msg=name)


# What it generates.


def test_samples_depend_on_the_caption_and_an_unknown_word_is_refused() -> None:
    system, datasets = small_stackgan()
    draw = drawn(datasets)
    system.connect(draw)
    system.players["G2"].optimizer.t = 1
    same = [system.both(draw.at("sample", 0), [text] * 3) for text in (TEXTS[0], TEXTS[0], TEXTS[3])]
    assert all((a == b).all() for a, b in zip(*same[:2], strict=True))
    assert all((a != b).any() for a, b in zip(*same[1:], strict=True))
    pictures, columns = system.answer(draw.at("sample", 0), 4, {"text": "a red two"})
    assert pictures.shape == (4, 8, 8, 3) and pictures.dtype == np.uint8 and columns is None
    with pytest.raises(ValueError, match=r"unknown word 'rad'; this run has 10 words: .*did you mean 'red'"):
        system.answer(draw.at("sample", 0), 4, {"text": "a rad two"})
    with pytest.raises(ValueError, match=f'this run takes no --class; it takes --text "{system.examples[0]}"'):
        system.answer(draw.at("sample", 0), 4, {"class": "7"})


def test_before_the_last_stage_small_pictures_are_shown_and_afterwards_both() -> None:
    system, datasets = small_stackgan()
    draw = drawn(datasets)
    system.connect(draw)
    assert set(system.pictures(draw.at("sample", 0))) == {"samples"}
    small, large = system.both(draw.at("sample", 0), TEXTS)
    assert (small == large).all() and (small[:, ::2, ::2] == small[:, 1::2, 1::2]).all()
    system.players["G2"].optimizer.t = 1
    shown = system.pictures(draw.at("sample", 0))
    assert set(shown) == {"samples", "small"} and (shown["samples"] != shown["small"]).any()


def test_a_run_on_a_gpu_goes_through_every_stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gpu_machine.install(monkeypatch)
    system, datasets = small_stackgan(large=True)
    on = device.choose("cuda:0")
    on.use()
    for player in system.players.values():
        player.network.convert(on.asarray)
        player.optimizer = Adam(player.network.named_params(), 1e-3)
    trainer = Trainer(system, datasets, tmp_path / "run", batch_size=6, epochs=2.5, quiet=True, device="cuda:0")
    trainer.train()
    assert trainer.step == trainer.total == 10 and "samples.png" in trainer.finish()


def test_the_monitor_looks_into_networks_whose_condition_another_network_computes() -> None:
    system, datasets = small_stackgan()
    networks = {name: player.network for name, player in system.players.items()}
    draw = drawn(datasets)
    system.connect(draw)
    real = {"real": datasets["real"].batch(np.arange(6))}
    networks["G2"].network.layers[0].bias[...] = -100
    networks["D1"].layers[0].bias[...] = -100
    seen = at_epoch(system, networks, draw, real, 0, None)
    assert seen["idle"]["G2 network.1"] == 1.0 and seen["linear"]["D1 1"] == 1.0
    assert set(system.probes(draw.at("sample", 0), real, 2)) == set(networks)


# Choices.


def test_with_a_skip_the_second_generator_begins_near_its_input_and_half_a_batch_is_made_large() -> None:
    system, datasets = small_stackgan(large=True)
    draw = drawn(datasets)
    system.connect(draw)
    phi = system.built.encoded(system.captions.any(draw, 3))
    small = RNG(0).uniform(-1, 1, (3, 2, 2, 3)).astype(np.float32)
    large = system.built.G2.given(phi).forward(small)[0]
    twice = Upsample2d().forward(Upsample2d().forward(small)[0])[0]
    np.testing.assert_allclose(large, np.tanh(twice), atol=0.2)
    draw.begin(8, 1)
    scores = system.d2_turn(draw).scores | {"large": system.g2_turn(draw).scores["fake"]}
    assert {name: len(rows) for name, rows in scores.items()} == {"real": 3, "fake": 3, "wrong": 3, "large": 3}


@pytest.mark.parametrize("scale", [2, 4])
def test_small_pictures_must_be_halved_down_to_eight_pixels(scale: int) -> None:
    sides = [scale * side for side in (14, 16, 28, 32)]
    assert [base_of((side, side, 3), scale) for side in sides] == [(7, 7), (8, 8), (7, 7), (8, 8)]
    for side in (29, 7 * scale, 15 * scale, 22 * scale):
        expected = rf"sides that {scale} divides|not fit --scale {scale}: .* take --size {sides[0]}, .* or {sides[3]}$"
        with pytest.raises(ValueError, match=expected):
            base_of((side, side, 3), scale)


def test_large_pictures_have_a_recipe_of_their_own_and_chosen_options_stay() -> None:
    config = Config(system="stackgan", options={"pull": 3.0})
    large = config.but(size=56)
    assert large == Config(system="stackgan", size=56, options={"pull": 3.0})
    assert (large.options["scale"], large.options["skip"], large.options["pull"]) == (4, True, 3.0)
    assert large.but(size=28) == Config(system="stackgan", size=28, options={"pull": 3.0})
    assert config.but(size=56, options={"scale": 2}).options["scale"] == 2
    assert config.but(data="a-folder", size=32).options["scale"] == 2


def test_data_without_captions_and_objectives_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="data 'mnist-10k' has no captions: take captioned-mnist, or a folder"):
        ENTRY.datasets(Config(system="stackgan", data="mnist-10k"))
    about = {"real": captioned_pictures().about()}
    cpu = device.choose("cpu")
    assert isinstance(ENTRY.build(Config(system="stackgan", objective="hinge", width=0.1), about, cpu), StackGAN)
    for objective in ("wgan-gp", "gmmn", "ragan"):
        with pytest.raises(ValueError, match=f"stackgan needs an objective with one score .* got {objective}"):
            ENTRY.build(Config(system="stackgan", objective=objective, width=0.1), about, cpu)
    with pytest.raises(ValueError, match=r"shares of a run, together less than 1, got 0.6 and 0.48"):
        ENTRY.build(Config(system="stackgan", options={"text": 0.6}, width=0.1), about, cpu)


@pytest.mark.slow
def test_the_example_trains_scores_and_shows_captions(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "text_to_image.py"
    flags = ("--epochs", "0.01", "--batch-size", "16", "--width", "0.1", "--threads", "2", "--out", "run")
    done = subprocess.run([sys.executable, example, *flags], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "large, held-out captions" in done.stdout
    assert (tmp_path / "run" / "captions.png").stat().st_size > 0
    assert json.loads((tmp_path / "run" / "scores.json").read_text())["scores"]

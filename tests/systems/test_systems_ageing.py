"""Ageing: its two stages, exact resume in each, the search for a noise, ages from tables, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from minigan import Trainer, gradcheck
from minigan.checks.conditional_systems import pictures_with_ages, small_ageing
from minigan.cli import main
from minigan.data import ages
from minigan.device import CPU
from minigan.layers import Linear, Network, Tanh
from minigan.optim import SGD
from minigan.runs import checkpoint
from minigan.systems import latent
from minigan.systems.ageing_build import aged
from minigan.training.config import Config
from minigan.training.draw import Fixed

KNOTS = (1.0, 2.0, 4.0, 5.0, 9.0)


def test_hats_are_one_hot_at_the_knots_linear_between_and_sum_to_one() -> None:
    np.testing.assert_array_equal(ages.hats(np.array(KNOTS), KNOTS), np.eye(5))
    np.testing.assert_allclose(ages.hats(np.array([2.5]), KNOTS), [[0, 0.75, 0.25, 0, 0]])
    np.testing.assert_array_equal(ages.hats(np.array([-7.0, 70.0]), KNOTS), np.eye(5)[[0, 4]])
    values = np.random.default_rng(0).uniform(0, 10, 50)
    np.testing.assert_allclose(ages.hats(values, KNOTS).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(ages.hats(values, KNOTS) @ KNOTS, np.clip(values, 1, 9), rtol=1e-5)


def trained(folder: Path, epochs: float = 5, **options: Any) -> Trainer:
    system, datasets = small_ageing()
    trainer = Trainer(system, datasets, folder, batch_size=10, epochs=epochs, quiet=True, **options)
    trainer.train()
    return trainer


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    *_, newest = sorted((folder / "checkpoints").glob("step-*.npz"))
    return checkpoint.load(newest)[0]


class Killed(Exception):
    pass


@pytest.mark.parametrize("at", [6, 13, 18], ids=["first stage", "just begun", "second stage"])
def test_a_run_that_was_killed_and_resumed_ends_with_the_same_bits(at: int, tmp_path: Path) -> None:
    def kill(trainer: Trainer) -> None:
        if trainer.step == at:
            raise Killed

    assert trained(tmp_path / "whole").total == 20
    with pytest.raises(Killed):
        trained(tmp_path / "killed", hooks=[kill])
    system, datasets = small_ageing()
    resumed = Trainer.resume(tmp_path / "killed", system=system, data=datasets, quiet=True)
    assert 0 < resumed.step < at
    resumed.train()
    whole, again = (arrays_of(tmp_path / name) for name in ("whole", "killed"))
    assert whole.keys() == again.keys()
    assert [name for name in whole if not np.array_equal(whole[name], again[name])] == []


def test_in_the_second_stage_the_encoder_alone_moves_and_all_of_it(tmp_path: Path) -> None:
    seen: list[dict[str, np.ndarray]] = []

    def keep(trainer: Trainer) -> None:
        if trainer.step in (12, 20):
            seen.append({name: array.copy() for name, array in trainer.system.arrays().items()})

    trained(tmp_path / "run", hooks=[keep])
    before, after = seen
    still = {name for name in before if np.array_equal(before[name], after[name])}
    of_gan = {name for name in before if name.startswith(("D/", "G/"))}
    params = {f"E/{name}" for name, _ in small_ageing()[0].players["E"].network.named_params()}
    assert of_gan <= still and not params & still


def test_two_threads_agree_with_one_within_rounding(tmp_path: Path) -> None:
    ends = []
    for threads in (1, 2):
        trained(tmp_path / str(threads), epochs=1.5, threads=threads)
        ends.append(arrays_of(tmp_path / str(threads)))
    for name in ends[0]:
        if "_optimizer/" not in name:
            np.testing.assert_allclose(ends[0][name], ends[1][name], atol=2e-4, err_msg=name)


# The search


def generator(rng: np.random.Generator) -> Network:
    return Network(Linear(3, 8, rng=rng, dtype=np.float64), Tanh(), Linear(8, 5, rng=rng, dtype=np.float64))


def test_the_search_goes_down_the_gradient_of_its_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    G, other, features = generator(rng), generator(rng), Network(Linear(5, 4, rng=rng, dtype=np.float64), Tanh())
    x, z, taken = rng.normal(size=(2, 5)), rng.normal(size=(2, 3)), []

    class Recorder(SGD):
        def step(self, grads: Any) -> Any:
            taken.append(grads["z"])

    monkeypatch.setattr(latent, "Adam", lambda params, lr, betas: Recorder(params, lr))

    def loss() -> float:
        return next(latent.search(G, x, z, features, [other], steps=1)).sum()

    loss()
    assert gradcheck.derivative_error(loss, z, taken[0], rng) < gradcheck.TOLERANCE


@pytest.mark.parametrize("alone", [True, False])
def test_the_search_finds_what_the_generator_made_and_each_sample_for_itself(alone: bool) -> None:
    rng = np.random.default_rng(1)
    G = generator(rng)
    x, _ = G.forward(rng.normal(size=(3, 3)))
    z = np.zeros((3, 3))
    losses = list(latent.search(G, x, z, steps=400, lr=0.1, prior=0.0))
    assert losses[-1].max() < 1e-3 * losses[0].min()
    if alone:
        one = np.zeros((1, 3))
        for _ in latent.search(G, x[1:2], one, steps=400, lr=0.1, prior=0.0):
            pass
        np.testing.assert_allclose(one[0], z[1], atol=1e-6)


# Samples


def fixed() -> Fixed:
    return Fixed(np.random.default_rng(0), CPU)


def test_ages_and_classes_that_are_asked_for_make_rows_with_the_same_noise() -> None:
    system, _ = small_ageing()
    low, high = system.knots[0], system.knots[-1]
    samples, columns = system.answer(fixed(), 4, {"age": f"{low + 0.001},{high - 0.001}", "class": "2,0"})
    assert (len(samples), columns) == (16, 4)
    z = fixed().noise(4, system.z_dim)
    expected = system.samples_of(fixed(), z, np.full(4, high - 0.001), [2] * 4)
    np.testing.assert_array_equal(samples[4:8], expected)
    assert np.abs(samples[4:8].astype(int) - samples[:4]).max() > 0
    assert len(system.answer(fixed(), 4, {"age": "all"})[0]) == 36
    assert len(system.generate(fixed(), 6)) == 6


def test_a_noise_is_found_that_gives_the_image_back_better_than_the_encoder_alone() -> None:
    system, _ = small_ageing()
    labels, values = np.array([0, 2]), np.array([0.3, 0.6])
    z = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    x = system.samples_of(fixed(), z, values, labels).astype(np.float32) / 127.5 - 1
    guess = system.find(x, values, labels, None, steps=0)
    found = system.find(x, values, labels, None, steps=60)
    errors = [((system.samples_of(fixed(), one, values, labels) / 127.5 - 1 - x) ** 2).mean() for one in (guess, found)]
    assert errors[1] < 0.5 * errors[0]


# Tables and errors


def folder_of_pictures(folder: Path, rows: str, n: int = 12) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(n):
        Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(folder / f"{i:02}.png")
    (folder / "attributes.csv").write_text(rows)
    return folder


ROWS = "file,age\n" + "".join(f"{i:02}.png,{20 + i}\n" for i in range(12))


def test_a_folder_with_a_table_of_ages_trains_and_is_sampled(tmp_path: Path) -> None:
    folder, run, out = folder_of_pictures(tmp_path / "faces", ROWS), tmp_path / "run", tmp_path / "old.png"
    flags = [
        "--data",
        str(folder),
        "--size",
        "8",
        "--age",
        "age",
        "--epochs",
        "4",
        "--batch-size",
        "6",
        "--threads",
        "1",
    ]
    assert main(["train", "ageing", *flags, "--width", "0.05", "--out", str(run)]) == 0
    assert main(["sample", str(run), "--age", "21,30", "-n", "3", "--out", str(out)]) == 0
    assert main(["age", str(run), str(folder / "03.png"), "--from", "23", "--out", str(tmp_path / "aged.png")]) == 0
    with Image.open(tmp_path / "aged.png") as picture:
        assert picture.size[0] > 9 * 8
    with pytest.raises(SystemExit, match="2"):
        main(["sample", str(run), "--age", "99", "--out", str(out)])
    with pytest.raises(SystemExit, match="2"):
        main(["age", str(run), str(folder / "03.png"), "--out", str(out)])


def config(folder: Path, age: str = "age") -> Config:
    return Config(system="ageing", data=str(folder), size=8, options={"age": age})


TABLES: list[tuple[str, str]] = [
    (ROWS.replace("file", "picture"), "expected columns file and age, got picture, age"),
    (ROWS.replace("05.png,25\n", ""), "1 of 12 pictures have no row; the first is 05.png"),
    (ROWS + "99.png,7\n", "1 rows name no picture of the folder; the first is 99.png"),
    (ROWS.replace(",24", ",old"), "04.png: expected a number, got 'old'"),
    ("file,age\n" + "".join(f"{i:02}.png,7\n" for i in range(12)), "the percentiles of age must differ, got"),
]


@pytest.mark.parametrize(("rows", "words"), TABLES)
def test_a_table_that_does_not_fit_the_pictures_is_refused(rows: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        aged(config(folder_of_pictures(tmp_path / "faces", rows)))


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: aged(Config(system="ageing", data="ring")), "ageing needs images; ring has points"),
    (
        lambda: aged(Config(system="ageing", options={"age": "height"})),
        "mnist-10k has no attribute 'height': thickness and slant are measured",
    ),
    (lambda: ages.range_of("3,2"), "a range must be two rising numbers with a comma between, such as 2.6,2.8, got "),
    (lambda: ages.range_of("2.6"), "a range must be two rising numbers"),
    (lambda: ages.without_range(pictures_with_ages(), "age", 50, 60), "no sample has age between 50 and 60"),
    (lambda: ages.without_range(pictures_with_ages(), "age", 0.5, 9), "age that is held out must lie between 0."),
    (lambda: small_ageing()[0].answer(fixed(), 4, {"age": "old"}), "--age old: expected numbers with commas between"),
    (lambda: small_ageing()[0].answer(fixed(), 4, {"age": "7"}), "age of this run is between"),
    (lambda: small_ageing()[0].generate(fixed(), 1, labels=[3]), "labels must be whole numbers from 0 to 2, got [3]"),
    (lambda: small_ageing()[0].answer(fixed(), 4, {"text": "a"}), "this run takes no --text; it takes --age "),
    (lambda: small_ageing(False)[0].answer(fixed(), 4, {"class": "1"}), "this run takes no --class; it takes --age "),
    (lambda: small_ageing()[0].answer(fixed(), 4, {"class": "9"}), "class '9' is unknown; this run has 3: 0, 1, 2"),
]


@pytest.mark.parametrize(("make", "words"), WRONG)
def test_what_has_no_age_and_ages_that_are_none_are_refused(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        make()


def test_attributes_of_digits_are_measured_and_a_range_of_them_can_be_left_out() -> None:
    dataset = aged(Config(system="ageing"))["real"]
    assert set(dataset.attributes) == {"thickness"}
    np.testing.assert_allclose(dataset.about()["knots"]["thickness"], (1.77, 2.14, 2.49, 2.92, 3.84), atol=0.02)
    rest, values = ages.without_range(dataset, "thickness", 2.6, 2.8), dataset.attributes["thickness"]
    kept = (values < 2.6) | (values > 2.8)
    assert 800 < len(dataset) - len(rest) < 2000
    np.testing.assert_array_equal(rest.attributes["thickness"], values[kept])
    np.testing.assert_array_equal(rest.images, dataset.images[kept])
    assert dataset.labels is not None and rest.labels is not None
    np.testing.assert_array_equal(rest.labels, dataset.labels[kept])
    assert pictures_with_ages().about()["knots"].keys() == {"age"}

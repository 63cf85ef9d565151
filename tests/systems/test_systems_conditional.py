"""Conditional GAN: every place of the condition, exact resume, samples of a class, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support import strict

from minigan import Trainer, objectives
from minigan.checks.systems import pictures
from minigan.cli import main
from minigan.data import Dataset
from minigan.device import CPU
from minigan.models import Critic
from minigan.models.conditional import conditional
from minigan.objectives import Objective
from minigan.objectives.auxiliary import AuxiliaryClasses
from minigan.random import Streams
from minigan.runs import checkpoint
from minigan.systems.conditional import ConditionalGAN
from minigan.systems.conditional_build import labelled
from minigan.training.config import Config
from minigan.training.draw import Draw, Fixed
from minigan.watch.vitals import at_epoch

SHAPE, K = (8, 8, 1), 3
DATA = pictures(60, SHAPE, K)
PLACES = ("projection", "late", "concat", "auxiliary")
SIZES: dict[str, Any] = {"sample_shape": SHAPE, "z_dim": 4, "width": 0.05, "hidden": 7, "classes": K}


def made(place: str = "projection", objective: Objective | None = None, batchnorm: bool = False) -> ConditionalGAN:
    objective = objectives.get("nonsaturating") if objective is None else objective
    norm: Any = {"critic_norm": "layer"} if objective.critic_norm != "batch" else {}
    critic = Critic(**objective.critic())
    model = conditional("infogan", Streams(0), place=place, batchnorm=batchnorm, critic=critic, **SIZES, **norm)
    objective = AuxiliaryClasses(objective, K) if place == "auxiliary" else objective
    about = DATA.about()
    names, counts = ("zero", "one", "two"), about["counts"]
    return ConditionalGAN(model.G, model.D, objective, names=names, counts=counts, z_dim=4, sample_shape=SHAPE)


def trained(folder: Path, place: str = "projection", **options: Any) -> Trainer:
    trainer = Trainer(
        made(place), DATA, folder, batch_size=12, epochs=3, quiet=True, judge=lambda name: None, **options
    )
    trainer.train()
    return trainer


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    *_, newest = sorted((folder / "checkpoints").glob("step-*.npz"))
    return checkpoint.load(newest)[0]


class Killed(Exception):
    pass


def kill(trainer: Trainer) -> None:
    if trainer.step == 8:
        raise Killed


@pytest.mark.parametrize("place", PLACES)
def test_a_run_that_was_killed_and_resumed_ends_with_the_same_bits(place: str, tmp_path: Path) -> None:
    trained(tmp_path / "whole", place)
    with pytest.raises(Killed):
        trained(tmp_path / "killed", place, hooks=[kill])
    system = made(place)
    resumed = Trainer.resume(tmp_path / "killed", system=system, data=DATA, quiet=True)
    assert 0 < resumed.step < 8
    resumed.train()
    whole, again = (arrays_of(tmp_path / name) for name in ("whole", "killed"))
    assert whole.keys() == again.keys()
    assert [name for name in whole if not np.array_equal(whole[name], again[name])] == []


@pytest.mark.parametrize("batchnorm", [False, True])
def test_two_threads_agree_with_one_within_rounding(batchnorm: bool, tmp_path: Path) -> None:
    ends = []
    for threads in (1, 2):
        folder = tmp_path / str(threads)
        system = made(batchnorm=batchnorm)
        trainer = Trainer(system, DATA, folder, batch_size=12, epochs=1, threads=threads, quiet=True)
        trainer.train()
        assert trainer.notes == ()
        ends.append(arrays_of(folder))
    weights = [name for name in ends[0] if "_optimizer/" not in name]
    for name in weights:
        np.testing.assert_allclose(ends[0][name], ends[1][name], atol=2e-4, err_msg=name)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("batchnorm", [False, True])
def test_every_parameter_moves_and_both_networks_read_the_class(place: str, batchnorm: bool) -> None:
    system = made(place, batchnorm=batchnorm)
    before = {name: array.copy() for name, array in system.arrays().items()}
    draw = Draw({"real": DATA}, 12, 0, CPU)
    system.connect(draw)
    for step in range(2):  # in the first one, weights before a batch norm's zero bias may not move
        for part, turn in enumerate(system.turns(step, 2)):
            draw.begin(step, part)
            turn.play(draw)
    still = [
        f"{player}/{name}"
        for player in ("D", "G")
        for name, array in system.players[player].network.named_params()
        if np.array_equal(array, before[f"{player}/{name}"])
    ]
    assert still == []
    c, z = np.zeros(5, np.int64), np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    G, D = system.players["G"].network, system.players["D"].network
    samples = [G.given(c + k).forward(z, train=False)[0] for k in (0, 1)]
    assert np.abs(samples[0] - samples[1]).max() > 1e-6
    if place != "auxiliary":
        scores = [D.given(c + k).forward(samples[0], train=False)[0] for k in (0, 1)]
        assert np.abs(scores[0] - scores[1]).max() > 1e-9


@pytest.mark.parametrize("place", ["projection", "auxiliary"])
def test_the_monitor_looks_into_both_networks(place: str) -> None:
    system = made(place)
    draw, networks = Draw({"real": DATA}, 12, 0, CPU), {name: player.network for name, player in system.players.items()}
    real = {"real": DATA.batch(np.arange(12))}
    system.connect(draw)
    networks["G"].layers[2].bias[:3] = -100  # three units of seven before a ReLU
    networks["D"].layers[0].bias[...] = -100
    seen = at_epoch(system, networks, draw, real, 0, None)
    assert seen["idle"] == {"G 3": pytest.approx(3 / 7)}
    assert seen["linear"]["D 1"] == 1.0 and seen["slope_of_tanh"] > 0.9


def fixed() -> Fixed:
    return Fixed(np.random.default_rng(0), CPU)


OUTPUTS = ("score", "mean", "covariance", "features")


def built(name: str) -> Objective:
    random = {"rng": np.random.default_rng(0)} if "rng" in objectives.hyperparameters(name) else {}
    return objectives.get(name, **random)


FIT = [name for name in objectives.names() if built(name).fakes == 1 and built(name).output in OUTPUTS]


@pytest.mark.parametrize("name", FIT)
def test_every_objective_with_scores_or_features_makes_a_step(name: str) -> None:
    system = made("late", built(name))
    draw = Draw({"real": DATA}, 12, 0, CPU)
    system.connect(draw)
    draw.begin(0, 0)
    for turn in system.turns(0, 1):
        assert np.isfinite(turn.play(draw).loss)


def test_samples_of_a_list_are_rows_with_the_same_noise() -> None:
    system = made()
    samples, columns = system.answer(fixed(), 4, {"class": "two, 0"})
    assert (len(samples), columns) == (8, 4)
    z = np.random.default_rng(0).standard_normal((4, 4), dtype=np.float32)
    G = system.players["G"].network
    for row, label in enumerate((2, 0)):
        expected, _ = G.given(np.full(4, label)).forward(z, train=False)
        np.testing.assert_allclose(samples[4 * row : 4 * row + 4] / 127.5 - 1, expected, atol=1 / 127)
    assert len(system.answer(fixed(), 4, {"class": "all"})[0]) == 4 * K


def test_without_a_class_samples_are_as_frequent_as_the_data() -> None:
    system = made()
    system.table = np.array([1, 1, 1])
    one = system.generate(fixed(), 6)
    np.testing.assert_array_equal(one, system.generate(fixed(), 6, labels=[1] * 6))


def test_the_turns_do_not_wait_for_a_gpu() -> None:
    system, numbers = made(), np.random.default_rng(0)
    for player in system.players.values():
        player.network.convert(strict.to_device)
    real = numbers.normal(size=(6, *SHAPE)).astype(np.float32)
    arrays = [strict.to_device(a) for a in (real, np.arange(6) % K, numbers.normal(size=(6, 4)).astype(np.float32))]
    with strict.no_sync():
        D, G, objective = system._given(arrays[1])
        fake, _ = G.forward(arrays[2])
        a, b, caches = D.forward_pair(arrays[0], fake)
        _, da, db = objective.d_loss(a, b)
        grads: dict[str, Any] = {}
        D.backward_pair(da, db, caches, grads)
        loss, db = objective.g_loss(b)
        d_fake = D.backward(db, D.forward(fake)[1])
    assert np.isfinite(strict.to_host(d_fake)).all() and strict.to_host(loss) > 0


def write_picture(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(path)


def test_subfolders_are_classes_and_their_names_can_be_asked_for(tmp_path: Path) -> None:
    for i in range(8):
        write_picture(tmp_path / "pictures" / ("cats", "dogs")[i % 2] / f"{i}.png", 20 * i)
    run, out = tmp_path / "run", tmp_path / "cats.png"
    flags = [
        "--data",
        str(tmp_path / "pictures"),
        "--size",
        "8",
        "--epochs",
        "1",
        "--batch-size",
        "4",
        "--threads",
        "1",
    ]
    flags += ["--width", "0.05", "--threads", "1", "--out", str(run)]
    assert main(["train", "conditional", *flags]) == 0
    assert main(["sample", str(run), "--class", "cats", "-n", "4", "--out", str(out)]) == 0
    with Image.open(out) as picture:
        assert picture.size[0] >= 2 * 8 + 3 * 2
    with pytest.raises(SystemExit, match="2"):
        main(["sample", str(run), "--class", "cat", "--out", str(out)])


def test_a_run_does_not_continue_with_other_classes(tmp_path: Path) -> None:
    for i in range(8):
        write_picture(tmp_path / "pictures" / ("cats", "dogs")[i % 2] / f"{i}.png", 20 * i)
    config = Config(system="conditional", data=str(tmp_path / "pictures"), size=8, width=0.05, batch_size=4)
    Trainer.start(config, tmp_path / "run", quiet=True).save()
    for i in range(2):
        write_picture(tmp_path / "pictures" / "zebras" / f"{i}.png", 9)
    for allowed in (False, True):
        with pytest.raises(ValueError, match="run was trained on 2 classes, and its data have 3: new: 'zebras'"):
            Trainer.resume(tmp_path / "run", allow_changes=allowed, quiet=True)


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: made().label("3"), "class '3' is unknown; this run has 3: zero, one, two"),
    (lambda: made().generate(fixed(), 2, labels=[0, 3]), "labels must be whole numbers from 0 to 2, got [0, 3]"),
    (lambda: made().rows(fixed(), [-1], 2), "labels must be whole numbers from 0 to 2, got [-1]"),
    (lambda: made().label("tow"), "class 'tow' is unknown; this run has 3: zero, one, two; did you mean 'two'?"),
    (
        lambda: made().answer(fixed(), 4, {"text": "a three"}),
        "this run takes no --text; it takes --class zero ... two",
    ),
    (
        lambda: labelled(Config(system="conditional", data="ring")),
        "data 'ring' has no classes; for a folder of pictures",
    ),
    (lambda: made(objective=built("cramer")), "take late or concat"),
    (lambda: made("late", built("cramer")), "cramer compares 2 generated samples with each real one"),
    (lambda: made("late", built("ebgan")), "needs a D that gives a score or features"),
    (lambda: conditional("infogan", Streams(0), place="middle", **SIZES), "unknown place of a condition 'middle'"),
    (
        lambda: conditional("infogan", Streams(0), critic=Critic(spectral_norm=True), **SIZES),
        "the place projection has no spectral norm; take late or concat",
    ),
    (lambda: conditional("mlp", Streams(0), sample_shape=SHAPE, z_dim=4, classes=K, batchnorm=True), "no batch norm"),
    (lambda: AuxiliaryClasses(built("ebgan"), K), "needs an objective with one score per sample, not ebgan"),
    (lambda: made("auxiliary").objective.d_loss(np.zeros((2, 4)), np.zeros((2, 4))), "needs labels: objective.given"),
]


@pytest.mark.parametrize(("make", "words"), WRONG)
def test_what_cannot_be_conditioned_is_refused_with_a_sentence(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        make()


def test_a_class_of_one_picture_and_a_picture_beside_the_classes_are_refused(tmp_path: Path) -> None:
    for name in ("cats/a.png", "dogs/b.png", "dogs/c.png"):
        write_picture(tmp_path / name, 9)
    config = Config(system="conditional", data=str(tmp_path), size=8)
    with pytest.raises(ValueError, match="a class needs at least 2 samples; class 'cats' has 1"):
        labelled(config)
    write_picture(tmp_path / "loose.png", 9)
    with pytest.raises(ValueError, match="has no classes; for a folder of pictures"):
        labelled(config)


def test_a_run_without_conditions_takes_no_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    points = Dataset("own", rng.normal(size=(30, 2)).astype(np.float32), None, "drawn for a test")
    assert points.about()["classes"] is None
    flags = ["--model", "points", "--hidden", "4", "--epochs", "0.01", "--threads", "1", "--out", str(tmp_path / "run")]
    assert main(["train", "--data", "ring", *flags]) == 0
    with pytest.raises(SystemExit, match="2"):
        main(["sample", str(tmp_path / "run"), "--class", "7", "--out", str(tmp_path / "x.png")])
    assert "this run takes no --class: it was trained without conditions" in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()


def test_batch_norm_in_g_is_trained_with_the_hinge_loss_unless_another_is_asked_for() -> None:
    late = Config(system="conditional", options={"condition": "late"}, seed=3)
    hinge = late.but(options={"batchnorm": True}, batch_size=32)
    assert (late.objective, hinge.objective, hinge.real_label) == ("nonsaturating", "hinge", None)
    assert hinge.options == {**late.options, "batchnorm": True}
    assert (hinge.seed, hinge.batch_size, hinge.epochs) == (3, 32, late.epochs)
    assert late.but(options={"batchnorm": True}, objective="nonsaturating").objective == "nonsaturating"
    assert hinge.but(options={"batchnorm": False}).objective == "nonsaturating"

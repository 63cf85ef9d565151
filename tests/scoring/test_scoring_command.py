"""`minigan score`, as a person meets it, with the package's own digits and networks: no data set is needed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import gpu_machine

from minigan import data, scoring
from minigan.cli import main
from minigan.metrics import features, references
from minigan.metrics.features.inception import Inception
from minigan.metrics.statistics import Statistics
from minigan.training.config import Config
from minigan.training.trainer import Trainer

N = 400


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working folder, and no data set but what the package has."""
    for name in ("MINIGAN_DEVICE", "MINIGAN_TRACEBACK", "MINIGAN_INCEPTION_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MINIGAN_DATA", str(tmp_path))
    monkeypatch.setattr(references, "here", lambda reference: reference == "mnist-10k")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """Real digits in a file: the best samples that there can be."""
    np.savez(tmp_path / "digits.npz", samples=data.load("mnist-10k").images[:N, ..., 0])
    return tmp_path / "digits.npz"


def scores(path: Path) -> dict[str, float]:
    """Those in a folder, or beside a file of samples."""
    path = path if path.is_dir() else path.with_name(f"{path.name}.scores.json")
    return {score.protocol.metric: score.value for score in scoring.read_scores(path)}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(["score", *arguments])
    assert caught.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_real_digits_score_like_a_perfect_generator(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(digits), "--against", "mnist", "--metric", "fid,is,modes,ms-ssim"]) == 0
    out = capsys.readouterr().out
    found = scores(digits)
    perfect = float(re.search(r"a perfect generator has about (\S+)", out).group(1))  # type: ignore[union-attr]
    assert 0 < found["fid"] < 3 * perfect
    assert found["inception_score"] > 8.5  # 40 digits in each of its ten parts
    assert found["classes_captured"] == 10
    assert found["classes_entropy"] == pytest.approx(np.log(10), abs=0.05)
    assert 0 < found["ms_ssim"] < 1
    fid = rf"fid\[{features.get('lenet-mnist-v1').id} \| ref=mnist/test:\w{{12}} n=10000 \| gen n={N} uint8\]"
    assert re.search(fid, out)


def test_noise_scores_far_worse_than_digits_and_each_file_has_scores_of_its_own(digits: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (N, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "noise.npz", samples=noise)
    for name in ("digits", "noise"):
        main(["score", f"{name}.npz", "--against", "mnist", "--metric", "fid,modes"])
    noise, real = scores(tmp_path / "noise.npz"), scores(digits)
    assert noise["fid"] > 20 * real["fid"]
    assert noise["classes_entropy"] < real["classes_entropy"]


def test_with_the_images_of_the_reference_samples_are_compared_one_by_one(digits: Path) -> None:
    assert main(["score", str(digits), "--against", "mnist-10k", "--metric", "pr"]) == 0
    found = scores(digits)
    assert found["precision"] > 0.8
    assert found["density"] == pytest.approx(1, abs=0.3)
    assert found["coverage"] > 0.9


def test_what_needs_images_is_left_out_by_name_where_only_statistics_are_here(
    digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(digits), "--against", "mnist", "--metric", "fid,kid,pr"]) == 0
    out = capsys.readouterr().out
    assert "kid is left out: it needs the images of mnist/test" in out
    assert "pr is left out:" in out
    assert set(scores(digits)) == {"fid"}


def test_nothing_measured_is_an_error(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "kid is left out" in refused(capsys, str(digits), "--against", "mnist", "--metric", "kid")
    assert [path.name for path in digits.parent.iterdir()] == ["digits.npz"]


def test_a_run_is_scored_into_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Trainer.start(Config(model="dcgan", width=0.05, batch_size=16, epochs=0.005), tmp_path / "run", quiet=True).train()
    assert main(["score", "run", "-n", str(N), "--metric", "fid,modes"]) == 0
    assert scores(tmp_path / "run")["fid"] > 50  # it has hardly begun
    assert f"{N} samples from run/checkpoints/step-" in capsys.readouterr().out


def test_the_same_command_gives_the_same_scores(digits: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "real.npz", samples=data.load("mnist-10k").images[N : 2 * N])
    arguments = ["score", str(digits), "--against", "real.npz", "--extractor", "lenet-mnist-v1", "--seed", "7"]
    arguments += ["--metric", "is,nearest,prd"]
    main(arguments)
    kept = digits.with_name("digits.npz.scores.json")
    first = kept.read_text()
    main(arguments)
    assert kept.read_text() == first


def test_earlier_scores_are_compared_and_others_refused(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["score", str(digits), "--against", "mnist", "--metric", "fid", "--out", "before.json"])
    main(["score", str(digits), "--against", "mnist", "--metric", "fid", "--than", "before.json"])
    assert re.search(r"^FID +\S+ +\+0 ", capsys.readouterr().out, re.MULTILINE)
    np.savez(tmp_path / "more.npz", samples=data.load("mnist-10k").images[: N + 1])
    error = refused(capsys, "more.npz", "--against", "mnist", "--metric", "fid", "--than", "before.json")
    assert f"cannot be compared, they were measured differently: n_generated: {N + 1} and {N}" in error


def test_statistics_of_a_file_are_a_reference(digits: Path, tmp_path: Path) -> None:
    extractor = features.get("lenet-mnist-v1")
    references.measure(extractor, "mine", data.load("mnist-10k").images[:N]).save(tmp_path / "mine.npz")
    main(["score", str(digits), "--against", "mine.npz", "--metric", "fid"])
    assert scores(digits)["fid"] == pytest.approx(0, abs=1e-6)


def test_statistics_of_other_features_are_refused(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Statistics.of(np.random.default_rng(0).normal(size=(9, 3))).save(tmp_path / "3.npz")
    arguments = ("--against", "3.npz", "--extractor", "lenet-mnist-v1")
    assert "statistics of 3 features; lenet-mnist-v1 has 128" in refused(capsys, str(digits), *arguments)


@pytest.mark.filterwarnings("always::RuntimeWarning")
def test_pictures_are_scored_against_pictures_through_inception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    inception = Inception.random(rng)
    monkeypatch.setattr(Inception, "load", classmethod(lambda cls, *arguments, **choices: inception))
    monkeypatch.setattr(inception, "look", lambda x: (x.mean(axis=1).reshape(len(x), -1), x.mean(axis=(1, 2))))
    monkeypatch.setattr(inception, "d", 299 * 3)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for i in range(3):
            Image.fromarray(rng.integers(0, 256, (9, 8, 3), dtype=np.uint8)).save(tmp_path / folder / f"{i}.png")
    main(["score", "a", "--against", "b", "--extractor", "inception", "--metric", "fid"])
    assert "warning: 3 generated samples of 897 features: the covariance is singular" in capsys.readouterr().err
    assert scores(tmp_path / "a")["fid"] > 0
    reported = json.loads((tmp_path / "a" / "scores.json").read_text())["scores"][0]["protocol"]
    assert (reported["n_reference"], reported["n_generated"], reported["quantised"]) == (3, 3, True)
    assert reported["extractor"].startswith("inception-random:")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits.npz"], "--against must name what to compare them with"),
        (["digits.npz", "--against", "mnist", "--metric", "beauty"], "expected some of fid, fid-infinity, kid"),
        (["digits.npz", "--against", "mnist", "--metric", ","], "expected some of fid"),
        (["digits.npz", "--against", "ring"], "ring must be images for these metrics, got points"),
        (
            ["digits.npz", "--against", "captioned-mnist", "--metric", "fid,kid"],
            "--metric fid,kid needs a feature network",
        ),
        (["digits.npz", "--against", "mnist", "--extractor", "vgg"], "must be one of lenet-mnist-v1"),
        (["digits.npz", "--against", "mnist", "--out", "no/where.json"], "there is no folder no"),
        (["digits.npz", "--against", "mnist", "-n", "1"], "-n must be at least 2"),
        (["digits.npz", "--against", "mnist", "--seed", "-1"], "--seed must be an integer"),
        (["nothing", "--against", "mnist"], "there is no such folder"),
        (["digits.npz", "--against", "nowhere.npz"], "nowhere.npz"),
        (["digits.npz", "--against", "mnist", "--extractor", "inception"], "inception-2015-12-05"),
        (["digits.npz", "--against", "mnist", "--than", "nothing.json"], "nothing.json"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    arguments: list[str], message: str, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(capsys, *arguments)


def test_on_a_gpu_the_extractor_looks_and_the_scores_stay(digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu_machine.install(monkeypatch)
    moved, bring = [], features.LeNet.bring
    monkeypatch.setattr(features.LeNet, "bring", lambda self, x: moved.append(str(self.device)) or bring(self, x))
    found = []
    for on in ("cpu", "cuda"):
        assert main(["score", str(digits), "--against", "mnist", "--metric", "fid,is", "--device", on]) == 0
        found.append(scores(digits))
    assert moved[-1] == "cuda:0" and "cpu" in moved
    assert found[1] == pytest.approx(found[0], rel=1e-4)


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_done(
    digits: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu_machine.install(monkeypatch, gpus=0)
    message = refused(capsys, str(digits), "--against", "mnist", "--device", "cuda")
    assert (
        message == "minigan score: error: device 'cuda': CuPy finds no usable GPU on this machine; choose --device cpu"
    )

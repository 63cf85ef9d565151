"""minigan train, translate, score and report of srgan and cyclegan, by small runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from minigan.cli import main
from minigan.metrics.hiding import attack, curve
from minigan.scoring.saved_generator import SavedGenerator

SMALL = ["--width", "0.2", "--threads", "1", "--blocks", "1"]


@pytest.fixture(scope="module")
def srgan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("srgan") / "run"
    assert main(["train", "srgan", "--epochs", "0.02", "--out", str(folder), *SMALL]) == 0
    return folder


@pytest.fixture(scope="module")
def cyclegan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cyclegan") / "run"
    task = ["--data", "mnist-10k:colour", "--epochs", "0.01"]
    assert main(["train", "cyclegan", *task, "--out", str(folder), *SMALL]) == 0
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of pictures of different sizes, formats and modes: in colour, grey, and an empty one."""
    root, rng = tmp_path_factory.mktemp("folders"), np.random.default_rng(0)
    kinds = {"colour": ["RGB.jpg", "RGBA.png", "P.gif", "RGB.webp"], "grey": ["L.png", "L.bmp"], "empty": []}
    for name, modes in kinds.items():
        (root / name).mkdir()
        for i in range(9 if modes else 0):
            mode, _, suffix = modes[i % len(modes)].partition(".")
            noise = Image.fromarray(rng.integers(0, 256, (17 + i, 30 - i, 4), dtype=np.uint8), "RGBA")
            noise.convert(mode).save(root / name / f"{i}.{suffix}")
    return {name: root / name for name in kinds}


def refused(*arguments: str) -> bool:
    """Does the command end with exit code 2?"""
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return end.value.code == 2


def picture(path: Path, shape: tuple[int, ...], seed: int = 0) -> Path:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)).save(path)
    return path


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_an_enlarger_takes_a_picture_of_any_size(srgan: Path, tmp_path: Path) -> None:
    source = picture(tmp_path / "small.png", (9, 13))
    sides = {}
    for mix in ("0", "0.5", "1", None):
        out = tmp_path / f"large-{mix}.png"
        more = [] if mix is None else ["--mix", mix]
        assert main(["translate", str(srgan), str(source), "--out", str(out), *more]) == 0
        sides[mix] = pixels(out)
        assert sides[mix].shape == (36, 52)
    np.testing.assert_array_equal(sides["1"], sides[None])
    assert (sides["0"] != sides["1"]).any()


def test_a_folder_is_translated_there_and_back(cyclegan: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "more").mkdir(parents=True)
    picture(tmp_path / "in" / "a.png", (9, 13))
    picture(tmp_path / "in" / "more" / "b.bmp", (28, 28), 1)
    out = tmp_path / "out"
    assert main(["translate", str(cyclegan), str(tmp_path / "in"), "--to", "B", "--back", "--out", str(out)]) == 0
    shapes = {str(path.relative_to(out)): pixels(path).shape for path in out.rglob("*.png")}
    there, back = {"a.png": (9, 13, 3), "more/b.png": (28, 28, 3)}, {"a-back.png": (9, 13), "more/b-back.png": (28, 28)}
    assert shapes == there | back


def test_a_grey_picture_is_made_coloured_and_the_other_way_round_asks(
    cyclegan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grey, colour = picture(tmp_path / "g.png", (8, 8)), picture(tmp_path / "c.png", (8, 8, 3))
    out = str(tmp_path / "x.png")
    assert main(["translate", str(cyclegan), str(grey), "--to", "A", "--out", out]) == 0
    assert refused("translate", str(cyclegan), str(colour), "--to", "B", "--out", out)
    assert "--grey converts it" in capsys.readouterr().err
    assert main(["translate", str(cyclegan), str(colour), "--to", "B", "--grey", "--out", out]) == 0


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("cyclegan", [], "--to must be A or B"),
        ("cyclegan", ["--to", "B", "--mix", "0.5"], "leave out --mix"),
        ("srgan", ["--to", "B"], "leave out --to and --back"),
        ("srgan", ["--mix", "2"], "--mix must lie between 0"),
    ],
)
def test_flags_of_the_other_system_are_refused(
    kind: str,
    more: list[str],
    message: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, source = request.getfixturevalue(kind), picture(tmp_path / "small.png", (8, 8))
    assert refused("translate", str(run), str(source), "--out", str(tmp_path / "out.png"), *more)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()


def test_pictures_too_small_for_the_padding_are_named(
    cyclegan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = picture(tmp_path / "tiny.png", (2, 2))
    assert refused("translate", str(cyclegan), str(source), "--to", "B", "--out", str(tmp_path / "x.png"))
    assert "needs 3 x 3 pixels or more, got 2 x 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "rows", "metrics"),
    [
        ("srgan", {"nearest", "bicubic", "first stage", "srgan"}, {"psnr", "ssim", "reads", "distance", "consistency"}),
        ("cyclegan", {"AB", "ABA", "BA", "BAB"}, {"error", "psnr", "nearest", "gap", "hue", "reads"}),
    ],
)
@pytest.mark.filterwarnings("ignore:.*covariance is singular")
def test_a_run_is_scored_by_held_out_images(
    kind: str,
    rows: set[str],
    metrics: set[str],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, out = request.getfixturevalue(kind), tmp_path / "scores.json"
    assert main(["score", str(run), "-n", "140", "--out", str(out)]) == 0
    assert "140 images of" in capsys.readouterr().out
    scores = json.loads(out.read_text())["scores"]
    assert {score["protocol"]["parameters"]["of"] for score in scores} == rows
    assert metrics <= {score["protocol"]["metric"] for score in scores}
    assert all(score["protocol"]["n_generated"] == 140 and score["protocol"]["quantised"] for score in scores)


def test_the_report_of_a_cyclegan_shows_what_it_hides(cyclegan: Path, tmp_path: Path) -> None:
    assert main(["report", str(cyclegan), "--out", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "What a translation hides" in page and "noise of 16 grey levels" in page
    assert "The same held-out images at each moment" in page
    assert "cannot be shown" not in page


def test_mixed_folders_go_through_both_systems(folders: dict[str, Path], tmp_path: Path) -> None:
    A, B = (str(folders[name]) for name in ("colour", "grey"))
    small = [*SMALL, "--size", "16", "--batch-size", "2", "--epochs", "1"]
    for system, more, way, shape in (
        ("srgan", ["--first", "0.5", "--score-every", "2"], [], (12, 20, 3)),
        ("cyclegan", ["--data-b", B, "--downs", "1", "--pool", "2"], ["--to", "B"], (3, 5)),
    ):
        run, out = tmp_path / system, tmp_path / f"{system}.png"
        assert main(["train", system, "--data", A, *more, "--out", str(run), *small]) == 0
        source = picture(tmp_path / "source.png", (3, 5, 3))
        assert main(["translate", str(run), str(source), "--out", str(out), *way]) == 0
        assert pixels(out).shape == shape
        assert main(["score", str(run), "--out", str(tmp_path / "scores.json")]) == 0


@pytest.mark.parametrize(
    ("system", "data", "more", "message"),
    [
        ("srgan", "colour", ["--size", "18"], "18 x 18 images do not divide into 4 x 4 blocks; 16 and 20 would fit"),
        ("srgan", "colour", ["--size", "16"], "colour has 9 images, and 16 are needed"),
        ("srgan", "colour", ["--content", "1"], "leave --content at 0, got 1"),
        ("srgan", "empty", [], "no pictures found"),
        ("cyclegan", "colour", [], "must name two domains"),
        ("cyclegan", "colour", ["--data-b", "colour"], "must be two folders"),
        ("cyclegan", "colour", ["--data-b", "empty"], "no pictures found"),
        ("cyclegan", "colour", ["--data-b", "missing"], "no such folder"),
        ("cyclegan", "colour", ["--data-b", "grey", "--size", "18"], "do not divide into 4 x 4 blocks"),
        ("cyclegan", "colour", ["--data-b", "grey", "--size", "16"], "colour has 9 images, and 16 are needed"),
        (
            "cyclegan",
            "colour",
            ["--data-b", "grey", "--size", "16", "--batch-size", "2", "--identity", "0.5"],
            "needs equal channels on both sides, got 3 and 1",
        ),
    ],
)
def test_folders_that_cannot_be_are_refused_before_there_is_a_run(
    system: str,
    data: str,
    more: list[str],
    message: str,
    folders: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root, out = folders[data].parent, tmp_path / "run"
    more = [str(root / word) if word in ("colour", "grey", "empty", "missing") else word for word in more]
    assert refused("train", system, "--data", str(folders[data]), *more, "--out", str(out))
    assert message in capsys.readouterr().err and not out.exists()


def test_sample_names_the_command_for_such_a_run(
    cyclegan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused("sample", str(cyclegan), "--out", str(tmp_path / "x.png"))
    assert "minigan translate RUN" in capsys.readouterr().err


def test_the_curve_ends_at_the_true_image_and_the_attack_stays_within_one_grey_level(cyclegan: Path) -> None:
    generator = SavedGenerator(cyclegan)
    system: Any = generator.system
    from minigan.training.registry import entry

    found = entry("cyclegan").held_out
    assert found is not None
    held = {name.removeprefix("held out "): images for name, images in found(generator.config, 6).items()}
    rows = curve(system, held, "B")
    assert [rows[0].what, rows[-1].what] == ["as it is", "the true image"]
    assert all(row.hue is not None and 0 <= row.hue <= 180 for row in rows)
    x, wanted = (held[side].batch(np.arange(4)) for side in ("A", "B"))
    G = system.players["G_AB"].network
    y = attack(G, x, wanted)
    assert np.abs(y - x).max() <= 1 / 127.5 + 1e-6 and np.abs(y).max() <= 1
    before, after = (np.abs(G.forward(z, train=False)[0] - wanted).mean() for z in (x, y))
    assert after < before

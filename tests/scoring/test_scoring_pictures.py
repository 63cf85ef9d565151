"""A person's own folder of pictures: mixed formats, sizes and modes go from training over scores and report to samples,
through one door, without a network and without a download."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from minigan import data, scoring
from minigan.cli import main
from minigan.runs.folder import Run
from minigan.scoring.reference import choose_extractor, find_reference
from minigan.training import build

FORMATS = ("png", "jpg", "jfif", "bmp", "gif", "webp", "tif", "ppm", "tga", "jp2", "pcx", "ico")
MODES = ("RGB", "RGBA", "P", "L")
N, SIZE = 60, 16


def mixed_pictures(folder: Path, n: int = N) -> Path:
    """Discs of all sizes and colours on transparent or coloured ground, in two classes; other files beside them."""
    rng = np.random.default_rng(0)
    for i in range(n):
        W, H = (int(length) for length in rng.integers(20, 60, 2))
        image = Image.new("RGBA", (W, H), (255, 0, 255, 0))  # what lies under transparent pixels must never be seen
        ImageDraw.Draw(image).ellipse((W // 4, H // 4, 3 * W // 4, 3 * H // 4), fill=(*rng.integers(80, 256, 3), 255))
        kind = FORMATS[i % len(FORMATS)]
        black = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
        mode = MODES[i % len(MODES)] if kind in ("png", "tif") else "RGBA" if kind in ("webp", "tga") else "RGB"
        path = folder / ("large" if W > 40 else "small") / f"{i:03}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        (image if mode == "RGBA" else black.convert(mode)).save(path, "JPEG" if kind == "jfif" else None)
    (folder / "small" / "notes.txt").write_text("not a picture")
    (folder / "small" / "film.mp4").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder, and a run that was trained on it and lies in it: its samples must not become data."""
    photos = mixed_pictures(tmp_path_factory.mktemp("own") / "photos")
    run = photos / "runs" / "one"
    words = f"train --data {photos} --size {SIZE} --model mlp --epochs 2 --batch-size 16 --threads 1"
    assert main([*words.split(), "--score-every", "7", "--out", str(run)]) == 0
    return photos, run


def scores(path: Path) -> dict[str, scoring.report.Score]:
    return {score.protocol.metric: score for score in scoring.read_scores(path)}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit):
        main([*arguments])
    return capsys.readouterr().err.splitlines()[-1]


def test_what_was_read_and_what_was_left_out_is_stated(made: tuple[Path, Path], tmp_path: Path) -> None:
    dataset = data.load(made[0], size=SIZE)
    assert dataset.source == f"{N} pictures from the folder {made[0]}; left out: 1 .mp4, 1 .txt, 1 folder of a run"
    assert dataset.classes == ("large", "small") and dataset.shape == (SIZE, SIZE, 3)
    corners = dataset.images[:, 0, 0].astype(int)
    assert corners.max() <= 40  # black, as all grounds are; the magenta under transparent pixels is nowhere


def test_a_run_is_scored_against_its_pictures_as_it_reads_them(
    made: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    photos, run = made
    assert main(["score", str(run), "-n", "50"]) == 0
    out, found = capsys.readouterr().out, scores(run)
    assert list(found) == ["swd", "swd_16", "ms_ssim", "nearest", "nearer_than_real"]
    for score in found.values():
        assert np.isfinite([score.value, score.details["real"]]).all()
        assert f"{score.details['real']:.3g}" in out
        assert score.protocol.extractor == "pixels"
    reference = found["swd"].protocol.reference
    assert re.fullmatch(r"photos, as the run reads it \(16 x 16 x 3\):\w{12}", reference) and reference in out
    assert "left out" not in out
    dataset = build.datasets(Run.open(run).config)["real"]
    np.testing.assert_array_equal(dataset.images, data.load(photos, size=SIZE).images)


def test_scores_on_the_way_and_the_report_use_the_same_pictures(
    made: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    photos, run = made
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [point["step"] for point in log if "swd" in point] == [7] and Run.open(run).best()
    main(["score", str(run), "-n", "50"])
    assert main(["report", str(run)]) == 0
    page = (run / "report.html").read_text()
    for words in (
        "SWD at 16 pixels",
        "nearest real picture",
        "of 60 training images",
        "real pictures have",
        "samples, rounded to 8 bits; pixels (L",
    ):
        assert words in page
    assert main(["sample", str(run), "-n", "4", "--out", str(run / "more.png")]) == 0
    with Image.open(run / "more.png") as image:
        assert image.mode == "RGB"


def test_samples_do_not_become_data(made: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    photos, run = made
    out = photos / "small" / "sample.png"
    assert "it would become one of the pictures of" in refused(capsys, "sample", str(run), "--out", str(out))
    assert not out.exists()


def test_other_pictures_are_brought_to_the_size_of_the_run(made: tuple[Path, Path], tmp_path: Path) -> None:
    photos, run = made
    out = tmp_path / "own.json"
    assert main(["score", str(run), "-n", "9", "--against", str(photos), "--metric", "nearest", "--out", str(out)]) == 0
    assert f"{photos}, 16 x 16:" in scores(out)["nearest"].protocol.reference


def test_folders_of_mixed_sizes_are_compared_at_the_size_that_is_asked_for(
    made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, _ = made
    words = ["score", str(photos / "small"), "--against", str(photos), "--out", str(tmp_path / "own.json")]
    assert "--size N crops and resizes them" in refused(capsys, *words)
    assert main([*words, "--size", "16", "--metric", "nearest,swd"]) == 0
    assert scores(tmp_path / "own.json")["nearer_than_real"].details["equal"] > 0


def test_grey_pictures_in_any_file_are_scored_against_mnist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for i, digit in enumerate(data.load("mnist-10k").images[:40]):
        Image.fromarray(np.repeat(digit, 3, axis=2)).save(tmp_path / f"{i}.png")
    assert main(["score", str(tmp_path), "--against", "mnist", "--metric", "is,modes"]) == 0
    assert scores(tmp_path)["classes_captured"].value == 10


def test_what_cannot_be_measured_is_refused_before_a_sample_is_generated(
    made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(*arguments: Any, **options: Any) -> None:
        raise AssertionError("a sample was generated")

    photos, run = made
    main(
        [
            "score",
            str(photos),
            "--against",
            str(photos),
            "--size",
            "16",
            "--metric",
            "swd",
            "--out",
            str(tmp_path / "e"),
        ]
    )
    monkeypatch.delenv("MINIGAN_INCEPTION_WEIGHTS", raising=False)
    monkeypatch.setattr("minigan.scoring.saved_generator.SavedGenerator.__call__", never)
    mine = tmp_path / "scores.json"
    mine.write_text('{"mine": 1}')
    for words, message in (
        (["--metric", "fid,swd"], "--metric fid needs a feature network, and there is none for"),
        (["--extractor", "inception"], "inception"),
        (["--extractor", "lenet-mnist-v1"], "lenet-mnist-v1 takes grey images of 28 x 28, got 16 x 16"),
        (
            ["--against", str(photos), "--size", "8"],
            "samples of 16 x 16 pixels cannot be compared with pictures of 8 x",
        ),
        (["--out", str(mine)], "is there already and is not a file of scores"),
        (["--out", str(tmp_path)], "it is a folder"),
        (["--than", str(tmp_path / "e")], "cannot be compared, they were measured differently: reference: 'photos, as"),
    ):
        assert message in refused(capsys, "score", str(run), *words)
    assert mine.read_text() == '{"mine": 1}'


def test_a_foreign_file_of_scores_in_a_folder_stays(
    made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(3):
        Image.new("L", (8, 8), 90 * i).save(tmp_path / f"{i}.png")
    (tmp_path / "scores.json").write_text("[]")
    assert "give another name by --out" in refused(capsys, "score", str(tmp_path), "--against", str(tmp_path))
    assert (tmp_path / "scores.json").read_text() == "[]"


def test_a_folder_inside_one_called_like_a_data_set_is_not_that_set(tmp_path: Path) -> None:
    assert choose_extractor(None, "pt", None, "mnist/photos") is None
    np.savez(tmp_path / "a.npz", images=np.zeros((3, 4, 4), np.uint8))
    found = find_reference(str(tmp_path / "a.npz"), None)
    assert found.images is not None and found.images.shape == (3, 4, 4, 1) and found.statistics is None

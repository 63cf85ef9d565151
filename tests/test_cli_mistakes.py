"""Commands around a person's mistakes, in strange surroundings: one clear line and exit code 2, or it just works."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.tiny_runs import HOME, plain

from minigan import data, places
from minigan.cli import main
from minigan.foreign import described
from minigan.plots import library
from minigan.runs import friendly
from minigan.runs.folder import Run, quoted
from minigan.runs.output import any_encoding, printable
from minigan.training.trainer import Trainer

POINTS = "train --model points --data ring --hidden 4 --batch-size 500 --epochs 0.01 --threads 1".split()  # noqa: SIM905
NOT_UTF8 = os.fsdecode(b"caf\xe9")


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working folder, and no settings of whoever runs the tests."""
    for name in ("MINIGAN_DEVICE", "MINIGAN_TRACEBACK", "MINIGAN_DATA", "MINIGAN_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of points."""
    folder = tmp_path_factory.mktemp("runs") / "points"
    config = plain(model="points", data="ring", hidden=4, batch_size=500, epochs=0.01)
    Trainer.start(config, folder, quiet=True).train()
    return folder


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The line with which a command refuses its input."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    out, err = capsys.readouterr()
    *before, line, end = err.split("\n")
    assert caught.value.code == 2 and end == "" and "Traceback" not in out + err
    assert line.startswith(f"minigan {words[0]}: error: ") and all(": error: " not in other for other in before)
    return line


class Narrow(io.TextIOWrapper):
    """A stream of few characters, as a pipe or a file is on some systems."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    def text(self) -> str:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode(self.encoding)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_every_command_prints_in_any_encoding(encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, named = Narrow(encoding), tmp_path / "猫 $x" / NOT_UTF8
    commands = [
        [*POINTS, "--out", str(named)],
        ["objectives", "wgan-gp"],
        ["sample", str(named), "--out", f"{named}.npy"],
        ["report", str(named)],
        ["export", str(named), "--to", f"{named}.safetensors"],
        ["import", *POINTS[1:], "--G", f"{named}.safetensors", "--out", f"{named}-2"],
        ["explain", "--model", "points", "--data", "ring", "--full"],
        ["objectives"],
        ["objectives", "--markdown"],
        ["data"],
    ]
    monkeypatch.setattr(sys, "stdout", out)
    for words in commands if encoding == "ascii" else commands[:2]:
        monkeypatch.setattr(sys, "argv", ["minigan", *words])
        assert main(words) == 0, words
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = out.text()
    assert "points: generator" in text and "caf\\xe9" in text and ("猫" in text or "\\u732b" in text)
    assert ("───" in text) == (encoding == "utf-8")
    assert os.fsencode(NOT_UTF8) in (named / "command.txt").read_bytes()
    assert encoding != "ascii" or "caf\\xe9" in (named / "report.html").read_text("utf-8")


def test_characters_that_an_encoding_lacks_are_written_in_others() -> None:
    ascii_, western, full = Narrow("ascii"), Narrow("cp1252"), Narrow("utf-8")
    text = "x² + y₁ᵀ ½ é 猫 \udcff σ Ω ‖a‖ √2 β̂ ─► ∞"
    assert printable(text, ascii_) == "x^2 + y_1^T 1/2 e \\u732b \\xff sigma Omega ||a|| sqrt2 beta -> inf"
    assert printable(text, western) == "x² + y_1^T ½ é \\u732b \\xff sigma Omega ||a|| sqrt2 beta -> inf"
    assert printable(text, full) == text.replace("\udcff", "\\xff")
    assert all(printable(chr(n), ascii_).isascii() for n in range(0x2100, 0x2600))


def test_output_that_cannot_be_written_is_an_error_and_not_a_traceback() -> None:
    command = [sys.executable, "-m", "minigan", "data"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(HOME)}, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (2, b"minigan data: error: no space left on device\n")


def test_a_run_works_without_home_backend_and_unicode(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(  # a user without an entry, as a bare number in a container
        "import pwd\ndef nobody(uid): raise KeyError(uid)\npwd.getpwuid = nobody\n"
    )
    surroundings = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    surroundings |= {"PYTHONPATH": f"{tmp_path}{os.pathsep}{HOME}", "PYTHONIOENCODING": "cp1252", "MPLBACKEND": "none"}
    surroundings |= {"MPLCONFIGDIR": library.load().get_configdir()}  # what it has found out about fonts takes long
    code = f"""
from minigan.cli import main
main({[*POINTS, "--out", "r"]!r})
main(["data"])
"""
    done = subprocess.run([sys.executable, "-c", code], env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0 and "warning" not in done.stderr
    assert "mnist" in done.stdout and "would be downloaded" in done.stdout
    assert {"losses.png", "training.gif", "samples.png"} <= {p.name for p in Path("r").iterdir()}


def test_formulas_that_python_dropped_are_missed_aloud(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dropped = types.SimpleNamespace(flags=types.SimpleNamespace(optimize=2), modules=sys.modules)
    monkeypatch.setattr("minigan.docpages.sys", dropped)
    for words in (["objectives"], ["objectives", "wgan-gp"], ["explain", "--model", "points", "--data", "ring"]):
        assert "formulas stand in docstrings, which python -OO drops" in refused(capsys, *words)


def test_without_a_home_directory_the_cache_is_among_the_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    monkeypatch.setattr("platformdirs.user_cache_dir", nowhere)
    assert places.home() is None and "minigan" in places.cache().name
    assert [entry.name for entry in data.available()] == list(data.NAMES)


@pytest.mark.parametrize(
    "words",
    [
        [*POINTS, "--out", ""],
        [*POINTS, "--out="],
        ["train", "--data", ""],
        ["train", "--data= "],
        ["train", "--resume", ""],
        ["sample", "", "--out", "x.png"],
        ["score", ""],
        ["score", "x.npy", "--against", ""],
        ["report", " "],
        ["import", "--G", ""],
    ],
)
def test_an_empty_argument_is_not_the_current_folder(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "is empty: write what it is to be, or leave it out" in refused(capsys, *words)
    assert list(Path().iterdir()) == []


def test_a_tilde_is_the_home_directory_after_an_equals_sign_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert main([*POINTS, "--out=~/r"]) == 0
    assert Run.open(tmp_path / "home" / "r").config.data == "ring" and not Path("~").exists()
    assert "there is no such home directory" in refused(capsys, "train", "--out=~nobody-of-this-name/r")


@pytest.mark.filterwarnings("default")
def test_the_name_of_a_data_set_comes_before_a_folder_of_this_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("ring", "mnist"):
        (tmp_path / name).mkdir()
        Image.new("L", (8, 8)).save(tmp_path / name / "a.png")
    assert main([*POINTS, "--out", "r"]) == 0
    assert Run.open(Path("r")).config.data == "ring"
    assert "the folder here is --data ./ring" in capsys.readouterr().err
    assert "too few for one batch" in refused(capsys, "train", "--data", "./mnist", "--size", "8")
    assert data.load("./mnist", size=8).name not in data.NAMES  # its pictures are not judged as digits
    assert data.lasting("mnist") == "mnist" and data.lasting("./mnist") == str(tmp_path / "mnist")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train --data mnits", "unknown data set 'mnits': .* Did you mean mnist?"),
        ("train --data Fashion_MNIST", "Did you mean fashion-mnist?"),
        ("score u.npy --against mnst", "nothing called mnst to compare with: .* Did you mean mnist?"),
        ("score u.npy --against mnist/tset", "mnist has no split 'tset': expected train or test"),
        ("score u.npy --against nowhere/stats.npz", "there is no such file of statistics"),
        ("score u.npy --against {run}", "must be pictures, got the folder of a run"),
        ("sample nosuch --out x.png", "nosuch is not the folder of a run: it has no config.json, because there is no"),
        ("train --resume {run}/checkpoints", "/checkpoints is not the folder of a run: it has no config.json; "),
        ("score u.npy --than nosuch", "nosuch: no such file or directory"),
        ("import --model points --data ring --G nosuch", "nosuch: there is no such file"),
        ("import --model points --data ring --G page", "it is a web page"),
        ("import --model points --data ring --G pointer", "git lfs pull fetches that"),
        ("score pointer.npy --against mnist", "git lfs pull fetches that"),
        ("train --model mlp --width 2", "--width does not apply to the model mlp; the models with it are dcgan, inf"),
        ("train --model dcgan --data two --size 18 --batch-size 2", "--size 16, --size 20"),
        ("train --model mlp --data two --size 8", "too few for one batch of 64: a batch (--batch-size) can have 2"),
        ("train --model points --data two --size 8", "points draws points (d,), .* --model mlp draws images"),
        ("train --data ring --model points --objective wgan --hyper clip=abc", "does not take clip='abc': "),
        ("train --data ring --model points --objective wgan --hyper name=x", "objective 'wgan' has no ['name']"),
        ("study generate page", "page: not the spec of a study: "),
        ("study analyse page", "page: not a table of results, it has no column model, data, role, sample, seed"),
        ("train --data ring --model dcgan", "points have a model of their own: --model points"),
        ("train --epochs nan", "epochs (--epochs) must be positive and finite, got nan"),
        ("train --average nan", "average must be finite"),
        ("train --out u.npy", "u.npy exists already, and is a file"),
        ("train --out two", "two exists already, and is a folder with other content"),
        ("train --out {run}", "exists already: choose another --out, or continue it by --resume"),
        ("train --resume {run} --epochs 0.001", "--epochs must be at least as many as are done"),
        ("train --resume {run} --data grid", "cannot change data"),
    ],
)
def test_a_mistake_is_answered_with_the_flag_and_the_way(
    words: str, message: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("u.npy", np.zeros((4, 28, 28), np.uint8))
    Path("page").write_text("<!DOCTYPE html><title>404</title>")
    for name in ("pointer", "pointer.npy"):
        Path(name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    Path("two").mkdir()
    for name in "ab":
        Image.new("RGB", (20, 20)).save(f"two/{name}.png")
    before = sorted(Path().rglob("*"))
    line = refused(capsys, *words.format(run=run).split())
    parts = message.split(" .* ")
    assert all(part in line for part in parts), line
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("sample {run} --out no/x.npy", "--out no/x.npy: there is no folder no (it does not exist: create it first)"),
        ("report {run} --out a.png/x.html", "there is no folder a.png (it is not a folder)"),
        ("export {run} --to no/x.safetensors", "--to no/x.safetensors: there is no folder no"),
        ("explain --html no/x.html", "--html no/x.html: there is no folder no"),
        ("score a.npy --against mnist --out ./a.npy", "--out a.npy is what the command reads: choose another name"),
        ("translate {run} a.png --out a.png", "--out a.png is what the command reads"),
        ("translate {run} pictures --out pictures", "--out pictures is what the command reads"),
        ("age {run} a.png --out link.png", "--out link.png is what the command reads"),
        ("project {run} a.png --out a.png", "--out a.png is what the command reads"),
        ("report {run} --out {run}", "is what the command reads"),
        ("study generate smoke --out {run}", "is the folder of a run: choose another one"),
        ("report {run} --out {run}/config.json", "/config.json is a file of the run in "),
        ("score a.npy --against mnist --out {run}/log.jsonl", "/log.jsonl is a file of the run in "),
    ],
)
def test_an_output_that_would_replace_an_input_or_cannot_be_written_is_refused_at_the_start(
    words: str, message: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("a.npy", np.zeros((4, 28, 28), np.uint8))
    Image.new("L", (8, 8)).save("a.png")
    Path("link.png").symlink_to("a.png")
    Path("pictures").mkdir()
    line = refused(capsys, *words.format(run=run).split())
    assert message in line, line
    assert {path.name for path in Path().iterdir()} == {"a.npy", "a.png", "link.png", "pictures"}


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (TypeError("images: expected uint8, got int64"), "images: expected uint8, got int64"),
        (OverflowError("too large"), "too large"),
        (FileNotFoundError(2, "No such file or directory", "x.npy"), "x.npy: no such file or directory"),
        (MemoryError(), "out of memory"),
        (
            KeyError("Source"),
            "KeyError: 'Source'; this is a fault of minigan, and MINIGAN_TRACEBACK=1 shows where it is",
        ),
        (NotImplementedError("f"), "NotImplementedError: f; this is a fault of minigan, and "),
        (IndexError(), "IndexError: ; this is a fault of minigan, and "),
    ],
)
def test_every_exception_is_one_line(error: Exception, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, friendly.friendly_errors("minigan x"):
        raise error
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith(f"minigan x: error: {line}")


def test_commands_in_messages_can_be_copied_whatever_the_name(tmp_path: Path) -> None:
    shown = Narrow("utf-8")
    for name in ("plain", "two words", "a$b;c", "it's", NOT_UTF8, f"it's {NOT_UTF8}"):
        (tmp_path / name).mkdir()
        command = printable(f"ls -d {quoted(tmp_path / name)}", shown)
        done = subprocess.run(["bash", "-c", command], capture_output=True)
        assert done.stdout == os.fsencode(f"{tmp_path / name}\n")


def test_a_picture_has_a_box_for_each_letter_that_its_font_lacks() -> None:
    library.load()
    assert library.drawable("a $x$ β") == "a $x$ β"
    assert library.drawable(f"猫 {NOT_UTF8}") == "\u25a1 caf\u25a1"


def test_what_is_known_by_its_first_bytes_is_named() -> None:
    assert described(b"") == "it is empty" and described(b"\x00\x01 something") == ""
    assert re.match("it is a PNG picture", described(b"\x89PNG\r\n"))


def test_streams_that_cannot_be_changed_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    monkeypatch.setattr(sys, "stdout", text)
    monkeypatch.setattr(sys, "stderr", None)
    any_encoding()
    print("─")
    assert text.getvalue() == "─\n"

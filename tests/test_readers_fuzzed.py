"""Every reader of files, fed with damage: it takes a file or refuses it by a ValueError with the path. Nothing else.

pytest -m slow -n 0 -s tests/test_readers_fuzzed.py       the long form, which prints how many cases there were
"""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image
from support.mutants import LONG, SHORT, json_bytes, mutated, repaired_png, tried
from support.torchwriter import Storage, Tensor, legacy, zipped

from minigan import arrays
from minigan.data import folder, mnist
from minigan.data.idx import read_idx
from minigan.metrics import Protocol, Score
from minigan.metrics.features import torchfile
from minigan.metrics.score import read_scores
from minigan.runs import changes
from minigan.runs.folder import Run
from minigan.training.config import Config
from minigan.training.trainer import Trainer

IDX = bytes.fromhex("00 00 08 02 00 00 00 03 00 00 00 04") + bytes(range(12))
POINT = {"step": 10, "epoch": 0.5, "d_loss": 0.1, "g_loss": None, "d_real": 0.5, "d_fake": 1e-9, "fid": 3.5}
POINT |= {
    "covered": 7,
    "good": 0.5,
    "seconds": 3.0,
    "vitals": {"g_gradient": 0.1, "still": ["G 0"], "counts": [3] * 8, "of": 300},
}
POINT |= {"health": [{"condition": "mode collapse", "state": "begins", "says": "so", "remedy": "none"}]}
CHANGE = {"step": 12, "time": "2026-01-01 12:00:00", "changed": {"d_lr": [0.1, 0.2], "betas": [[0, 0.9], [0.5, 0.9]]}}
SCORE = Score(1.5, Protocol("fid", {"k": [3, 5], "a": 0.5}, n_reference=10), {"note": "x", "more": [1]}).as_json()


def picture(kind: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(content, kind)
    return content.getvalue()


def archive(**named: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **named)
    return content.getvalue()


def npy() -> bytes:
    content = io.BytesIO()
    np.save(content, np.arange(12.0).reshape(3, 4))
    return content.getvalue()


TENSORS = {"a": Tensor(Storage("0", np.arange(12, dtype="<f4"), 12), 0, (3, 4), (4, 1))}


class Case(NamedTuple):
    """A reader, the name that its file has, and how a file for it is drawn."""

    name: str
    read: Callable[[Path], object]
    draw: Callable[[Any], bytes]


def damaged(content: bytes) -> Callable[[Any], bytes]:
    return lambda draw: mutated(draw, content)


def json_lines(value: Any) -> Callable[[Any], bytes]:
    def lines(draw: Any) -> bytes:
        good = json.dumps(value).encode()
        return b"\n".join([good, json_bytes(draw, value), draw(st.sampled_from([b"", good, good + b"\n"]))])

    return lines


def read_log(path: Path) -> None:
    """As a resumed run does."""
    trainer = read_log.trainer  # type: ignore[attr-defined]
    trainer.run.folder = path.parent
    trainer.log.restore(1, path)
    trainer.run.forget_after(20)


def read_changes(path: Path) -> None:
    changes.were_allowed(path.parent, {"d_lr": [0.1, 0.2]})
    changes.record(path.parent, 20, {"d_lr": [0.2, 0.3]})


def read_config(path: Path) -> None:
    Run.open(path.parent).config.dump()


def read_keras(path: Path) -> None:
    mnist.read(path, "mnist", "train-images-idx3-ubyte")


PICTURES = {kind: picture(kind) for kind in ("png", "jpeg", "gif", "bmp", "webp")}
CASES = {
    "IDX": Case("images", read_idx, damaged(IDX)),
    "IDX in gzip, damaged inside": Case("images.gz", read_idx, lambda draw: gzip.compress(mutated(draw, IDX))),
    "IDX in gzip, damaged outside": Case("images.gz", read_idx, damaged(gzip.compress(IDX, mtime=0))),
    "PNG with right checksums": Case(
        "a.png", lambda p: folder.load(p.parent, 4), lambda draw: repaired_png(damaged(PICTURES["png"])(draw))
    ),
    "npz": Case("a.npz", arrays.read, damaged(archive(a=np.arange(5), b=np.array("text")))),
    "npy": Case("a.npy", arrays.read_one, damaged(npy())),
    "Keras's archive": Case("mnist.npz", read_keras, damaged(archive(x_train=np.zeros((2, 28, 28), np.uint8)))),
    "config.json": Case("config.json", read_config, lambda draw: json_bytes(draw, json.loads(Config().dump()))),
    "log.jsonl": Case("log.jsonl", read_log, json_lines(POINT)),
    "changes.jsonl": Case("changes.jsonl", read_changes, json_lines(CHANGE)),
    "scores.json": Case(
        "scores.json", lambda p: list(map(str, read_scores(p))), lambda draw: json_bytes(draw, {"scores": [SCORE]})
    ),
    "PyTorch's zip": Case("a.pth", torchfile.read, damaged(zipped(TENSORS))),
    "PyTorch's older format": Case("a.pth", torchfile.read, damaged(legacy(TENSORS))),
}
CASES |= {
    kind.upper(): Case(f"a.{kind}", lambda p: folder.load(p.parent, 4), damaged(content))
    for kind, content in PICTURES.items()
}


@pytest.fixture(scope="module", autouse=True)
def trainer(tmp_path_factory: pytest.TempPathFactory) -> None:
    config = Config(model="points", data="ring", hidden=4, batch_size=100, epochs=0.01, score_every=1000)
    read_log.trainer = Trainer.start(config, tmp_path_factory.mktemp("runs") / "run", quiet=True)  # type: ignore[attr-defined]


def try_cases(name: str, place: Path, cases: int) -> Counter[str]:
    """How many files were taken, and how many refused."""
    case, seen = CASES[name], Counter[str]()
    path = place / case.name

    def takes_or_refuses(data: Any) -> None:
        path.write_bytes(case.draw(data.draw))
        try:
            case.read(path)
            seen["taken"] += 1
        except ValueError as error:
            assert str(path) in str(error)
            seen["refused"] += 1

    tried(takes_or_refuses, cases)
    return seen


@pytest.mark.parametrize("name", CASES)
def test_a_damaged_file_is_taken_or_refused_with_its_path(tmp_path: Path, name: str) -> None:
    seen = try_cases(name, tmp_path, SHORT)
    assert seen.total() >= SHORT and seen["refused"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_many_damaged_files_are_taken_or_refused_with_their_paths(tmp_path: Path, name: str) -> None:
    seen = try_cases(name, tmp_path, LONG)
    print(f"\n{name}: {seen.total():,} cases, {seen['refused']:,} refused")
    assert seen["refused"] > 0 and (seen["taken"] > 0 or "Keras" in name)  # that one has to be the published one

"""Rulers: FIDs of real images, distances that anybody can picture, beside which the FID of a run is shown.

python -m minigan.watch.rulers    measures those that the package keeps, once more
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path

import numpy as np

from minigan import data
from minigan.atomic import replacing
from minigan.metrics import references, score_features
from minigan.watch.judge import FeatureJudge, judge_for

KEPT = ("mnist-10k", "mnist", "fashion-mnist")
IMAGES = 10_000
NAMES = ("real", "one_missing", "half_missing")


def measured(judge: FeatureJudge, images: np.ndarray, *, progress: str | None = None) -> dict[str, float]:
    """FIDs of real training images: as they are, without one of the classes, with half of the classes (means over all
    classes, and over both halves). They are measured as samples are."""
    real = judge.extractor(images, progress=progress)
    seen, K = real.logits.argmax(axis=1), len(judge.extractor.classes)

    def score(chosen: np.ndarray) -> float:
        return score_features(judge.extractor, judge.reference, real.features[chosen]).value

    one, half = [score(seen != k) for k in range(K)], [score(seen < K // 2), score(seen >= K // 2)]
    return dict(zip(NAMES, (score(seen >= 0), float(np.mean(one)), float(np.mean(half))), strict=True))


def kept(judge: FeatureJudge, name: str, images: np.ndarray) -> dict[str, float] | None:
    """The ruler that the package keeps for these images of the data set `name`, this network and this reference; None
    where it keeps none, or one of something else."""
    with resources.as_file(resources.files("minigan.data") / references.FOLDER) as folder:
        path = _file(folder, judge, name)
        if name not in KEPT or not path.is_file():
            return None
        ruler = json.loads(path.read_text("utf-8"))
    if ruler["of"] != _of(judge, images):
        return None
    return {key: ruler[key] for key in NAMES}


def write(folder: Path, name: str) -> None:
    """Measure the ruler of a data set, and keep it in `folder`."""
    judge, images = judge_for(name), data.load(name).images[:IMAGES]
    assert isinstance(judge, FeatureJudge)
    ruler = {"of": _of(judge, images), **measured(judge, images, progress=name)}
    with replacing(_file(folder, judge, name)) as file:
        file.write((json.dumps(ruler, indent=1) + "\n").encode())


def _of(judge: FeatureJudge, images: np.ndarray) -> dict[str, str | int]:
    """The facts that a ruler depends on: network, reference and images."""
    digest = hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()
    about = {"extractor": judge.extractor.id, "reference": judge.reference.origin.sha256, "images": digest}
    return {**about, "n": len(images)}


def _file(folder: Path, judge: FeatureJudge, name: str) -> Path:
    return folder / judge.extractor.name / f"{name}-ruler.json"


if __name__ == "__main__":
    for kept_name in KEPT:
        write(Path(data.__file__).parent / references.FOLDER, kept_name)

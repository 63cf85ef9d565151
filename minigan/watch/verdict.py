"""The closing verdict on a run: scores of many samples, and a sentence for somebody who has never seen one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from minigan.data import Dataset, Mixture
from minigan.metrics import Protocol, Score, score_images
from minigan.metrics.score import write_scores
from minigan.runs.folder import Run
from minigan.runs.interrupt import Interrupted
from minigan.training.config import OWN
from minigan.training.draw import Draw
from minigan.training.system import System
from minigan.version import __version__
from minigan.watch import rulers
from minigan.watch.judge import FeatureJudge, Judge

SAMPLES = 10_000


@dataclass(frozen=True)
class Verdict:
    """The scores of a run, and what they mean; `str` is the first of them with its protocol, and the meaning."""

    scores: Sequence[Score]
    meaning: str

    def __str__(self) -> str:
        return "\n".join([*map(str, self.scores[:1]), self.meaning])


def verdict(
    system: System, draw: Draw, judge: Judge, run: Run, *, precision: str = "float32", quiet: bool = False
) -> Verdict:
    """Score `SAMPLES` samples of a system and write them into scores.json of the run; without a judge, neither."""
    dataset = next(iter(draw.datasets.values()))
    if judge is None:
        pixels = f" minigan score {run.quoted} compares pixels." if run.config.system != OWN else ""
        return Verdict([], f"No FID: there is no feature network for {dataset.name}. Look at samples.png.{pixels}")
    try:
        samples = system.generate(draw.at("verdict", 0), SAMPLES)
        if isinstance(judge, Mixture):
            result = _of_points(samples, judge)
        else:
            result = _of_images(samples, judge, dataset, quiet)
    except KeyboardInterrupt:
        raise Interrupted(f"stopped while scoring; the run itself is complete, in {run.folder}") from None
    result = replace(result, scores=[_stated(score, precision) for score in result.scores])
    write_scores(run.folder / "scores.json", result.scores)
    return result


def _stated(score: Score, precision: str) -> Score:
    """The score with the precision of the samples in its protocol, where it is not the usual one."""
    if precision == "float32":
        return score
    parameters = {**score.protocol.parameters, "precision": precision}
    return replace(score, protocol=replace(score.protocol, parameters=parameters))


def _of_points(points: np.ndarray, mixture: Mixture) -> Verdict:
    coverage = mixture.coverage(points)
    protocol = Protocol(
        "captured",
        {"modes": coverage.modes},
        extractor="none",
        variant="points",
        reference=mixture.name,
        n_generated=len(points),
        quantised=False,
        version=__version__,
    )
    scores = [Score(float(coverage.captured), protocol), Score(coverage.high_quality, replace(protocol, metric="good"))]
    return Verdict(
        scores,
        f"Found {coverage.captured} of {coverage.modes} Gaussians; {coverage.high_quality:.1%} of the points lie "
        f"within three deviations of one, as 98.9% of the real ones do.",
    )


def _of_images(samples: np.ndarray, judge: FeatureJudge, dataset: Dataset, quiet: bool) -> Verdict:
    progress = None if quiet else "scoring"
    fid, modes = score_images(judge.extractor, judge.reference, samples, progress=progress)
    real = dataset.images[:SAMPLES]
    ruler = rulers.kept(judge, dataset.name, real) or rulers.measured(judge, real, progress=progress)
    fid = replace(fid, details={**fid.details, **ruler})
    names = judge.extractor.classes
    missing = [name for name, n in zip(names, modes.counts, strict=True) if 20 * len(names) * n < len(samples)]
    covered = f"missing of the {len(names)} classes: {', '.join(missing)}" if missing else f"all {len(names)} classes"
    return Verdict([fid, modes.captured, modes.entropy], f"{fid_sentence(fid.value, ruler)} Generated: {covered}.")


def fid_sentence(fid: float, ruler: Mapping[str, float]) -> str:
    """A sentence about an FID, by the distances "real", "one_missing" and "half_missing" of its details."""
    real, one, half = (ruler[name] for name in ("real", "one_missing", "half_missing"))
    if fid <= real:
        place = "Excellent: as close to the real test images as real training images are"
    elif fid <= one:
        place = "Good: closer to the real test images than real images with a whole class left out"
    elif fid <= half:
        place = "Fair: closer to the real test images than real images with half of the classes left out"
    else:
        place = "Poor: farther from the real test images than real images with half of the classes left out"
    return (
        f"FID {fid:.2f} of {SAMPLES:,} samples. {place}. (Real training images score {real:.2f}, without one class "
        f"{one:.2f}, with half of the classes {half:.2f}; smaller is better.)"
    )

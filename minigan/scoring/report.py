"""Scores for people, a table, and for programs, scores.json."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from minigan.metrics.score import ProtocolMismatch, Score, difference, read_scores

SCORES = "scores.json"

TITLES = {
    "fid": "FID",
    "fid_infinity": "FID, n to infinity",
    "kid": "KID",
    "inception_score": "Inception score",
    "f_score": "F score",
    "prd_f8": "PRD, recall (F8)",
    "prd_f1/8": "PRD, precision (F1/8)",
    "classes_captured": "classes covered",
    "classes_entropy": "entropy of classes",
    "classes_kl": "KL to even classes",
    "stacked_captured": "stacked digits covered",
    "stacked_kl": "KL to even stacks",
    "ms_ssim": "MS-SSIM of pairs",
    "parzen": "Parzen, nats",
    "swd": "SWD, mean of its scales",
    "nearest": "nearest real picture",
    "nearer_than_real": "nearer than real",
    "asked_class": "asked class",
    "asked_class_least": "asked class, the worst",
    "fid_within_classes": "FID within classes",
    "age_error": "age, mean error",
    "age_correlation": "age, correlation",
    "age_rises": "age rises",
    "held_out_asked_class": "asked class, held-out ages",
    "held_out_age_error": "held-out ages, mean error",
    "held_out_age_rises": "held-out ages, rise",
}

REMARKS = {
    "precision": "share of samples that look real",
    "recall": "share of reality that is reached",
    "density": "1 for a perfect generator",
    "classes_entropy": "nats, at most the logarithm of their number",
    "classes_kl": "0 is perfectly even",
    "parzen": "for old tables only: it prefers averages to real images",
    "asked_class": "share of samples that are recognised as the class that was asked for; none is held out",
    "fid_within_classes": "lower is better; the mean over all classes",
    "age_error": "between the age that was asked for and the measured one",
    "age_correlation": "of asked and measured ages",
    "age_rises": "share of noises whose measured age rises at every knot",
    "held_out_asked_class": "the same, of ages that were in no training sample",
    "held_out_age_error": "the same, of ages that were in no training sample",
    "held_out_age_rises": "share of noises whose measured age rises from the first over the middle to the last of them",
}


def table(scores: Sequence[Score], than: Sequence[Score] = ()) -> str:
    """One line per score: name, value, what it means; below, what all of them were measured with.

    `than` are earlier scores: a column shows by how much the new ones are larger. ProtocolMismatch lists the fields
    where two were measured differently.
    """
    before = {score.protocol.metric: score for score in than}
    lines = []
    for score in scores:
        metric = score.protocol.metric
        change = f"{difference(score, before[metric]):+.4g}" if metric in before else ""
        lines.append([title(metric), _number(score), change, remark(score)])
    widths = [max(len(line[i]) for line in lines) for i in range(3)]
    rows = [
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {f'{change:>{widths[2]}}  ' if than else ''}{meaning}".rstrip()
        for name, value, change, meaning in lines
    ]
    return "\n".join([*rows, "", "measured with", *(f"  {score.protocol}" for score in scores)])


def free_place(samples: Path, out: Path | None) -> Path:
    """Where the scores go: scores.json in a folder, NAME.scores.json beside a file; ValueError where that would replace
    a file of something else."""
    default = samples / SCORES if samples.is_dir() else samples.with_name(f"{samples.name}.{SCORES}")
    out = out or default
    if out.is_dir() or not out.parent.is_dir():
        why = "it is a folder" if out.is_dir() else f"there is no folder {out.parent}"
        raise ValueError(f"--out must name a file to write, got {out}: {why}")
    if out.exists():
        try:
            read_scores(out)
        except ValueError:
            what = "is there already and is not a file of scores"
            raise ValueError(f"{out} {what}: give another name by --out, so that it stays") from None
    return out


def check_earlier(
    earlier: Sequence[Score], metrics: Collection[str], *, extractor: str, reference: str, n: int
) -> None:
    """ProtocolMismatch for earlier scores that those about to be measured, of n samples, cannot be compared with."""
    for score in earlier:
        metric, before = score.protocol.metric, score.protocol
        if metric in metrics and metric in ("fid", "kid", "swd"):
            now: dict[str, Any] = {"extractor": "pixels" if metric == "swd" else extractor, "reference": reference}
            now |= {"n_generated": n} if metric == "fid" else {}
            pairs = [(name, value, getattr(before, name)) for name, value in now.items()]
            differing = [f"{name}: {a!r} and {b!r}" for name, a, b in pairs if a != b]
            if differing:
                text = "these scores cannot be compared, they were measured differently"
                raise ProtocolMismatch(f"{text}: {'; '.join(differing)}")


def title(metric: str) -> str:
    """The usual name of a metric."""
    if metric.startswith("swd_"):
        return f"SWD at {metric.removeprefix('swd_')} pixels"
    return TITLES.get(metric, metric.replace("_", " "))


def remark(score: Score) -> str:
    """A note that helps to read a score."""
    details, metric = score.details, score.protocol.metric
    if metric == "fid" and details.get("perfect") is not None:
        return f"lower is better; a perfect generator has about {details['perfect']:.3g} at this n"
    if metric == "asked_class_least":
        return f"of class {details['class']}"
    if metric == "kid":
        return f"lower is better, 0 is perfect; deviation of {details['parts']} subsets {details['deviation']:.2g}"
    if metric == "inception_score":
        return f"higher is better, at most {details['classes']}; deviation {details['deviation']:.2g}"
    if metric == "classes_captured":
        few = f"; fewer than 5 % of a fair share: {', '.join(details['rare'])}" if details["rare"] else ""
        return f"of {details['modes']}{few}"
    if metric == "stacked_captured":
        return f"of {details['modes']}; {details['expected']:.0f} of as many fair samples"
    if metric == "stacked_kl":
        return f"0 is perfectly even; {details['expected']:.3g} for as many fair samples"
    if metric == "ms_ssim":
        return f"lower is more diverse; {_real(score) or 'compare with real images'}"
    if metric == "nearest":
        return f"distance in pixels, the median: near 0 are copies; {_real(score)}"
    if metric == "nearer_than_real":
        equal = f"; {details['equal']} are real pictures to the last bit" if details.get("equal") else ""
        return f"share nearer than the nearest hundredth of real pictures; {_real(score)}{equal}"
    if metric.startswith("swd"):
        return f"lower is better; {_real(score)}"
    return REMARKS.get(metric, "")


def _real(score: Score) -> str:
    """The same of real pictures, in words; "" where it was not measured."""
    return f"real pictures have {score.details['real']:.3g}" if "real" in score.details else ""


def _number(score: Score) -> str:
    return f"{score.value:.0f}" if score.protocol.metric.endswith("_captured") else f"{score.value:.4g}"

"""A run in words: summary, scores with their protocol, the monitor's sentences, choices."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from minigan.data import Mixture
from minigan.html import Html, element, joined, paragraphs, rows
from minigan.metrics.score import Protocol, Score
from minigan.report.curves import number
from minigan.report.loaded import Evidence
from minigan.scoring.report import remark, title
from minigan.training.config import OWN
from minigan.watch import messages
from minigan.watch.verdict import fid_sentence

POINTS = {"captured": "Gaussians found", "good": "good points"}
REMARKS = {"good": "share of points within three deviations of a Gaussian; 0.989 of the real ones are"}


def summary(evidence: Evidence) -> Html:
    """The training in short: what was trained, how far, and with what result."""
    config, log = evidence.config, evidence.log
    facts: dict[str, str] = {}
    if config is not None:
        system = {} if config.system == "gan" else {"system": config.system}
        facts |= {**system, "networks": config.model, "objective": messages.objective(config)}
        facts["data"] = Path(config.data).name
    if log:
        facts["steps"] = _progress(evidence)
    if log and isinstance(log[-1].get("seconds"), int | float):
        seconds = log[-1]["seconds"]
        rate = f", {log[-1]['step'] / seconds:.1f} steps per second" if seconds > 0 else ""
        facts["time"] = f"{_minutes(seconds)} minutes{rate}"
    if evidence.scores:
        of = evidence.scores[-1].protocol.parameters.get("of")  # of several sets of images the run's own is the last
        first = next(score for score in evidence.scores if score.protocol.parameters.get("of") == of)
        facts["score"] = f"{_title(first)} {first.value:.4g}{'' if of is None else f' ({of})'}"
    if log:
        facts["health"] = _state(evidence)
    shown = [(name, text) for name, text in facts.items() if text]
    return element("dl", *(part for name, text in shown for part in (element("dt", name), element("dd", text))))


def scores(evidence: Evidence, images: np.ndarray | None) -> Html:
    """The scores of scores.json, what they mean and what they were measured with; of points, the Gaussians reached."""
    counted = _counted(evidence, images)
    if not evidence.scores:
        if "scores" in evidence.missing:
            return paragraphs(f"The scores cannot be read: {evidence.missing['scores']}.", counted)
        by_hand = evidence.config is not None and evidence.config.system == OWN
        how = "trainer.verdict()" if by_hand else "minigan score RUN"
        return paragraphs(counted or f"No scores yet: {how} measures them.")
    body = [[_title(score), f"{score.value:.4g}", _remark(evidence, score)] for score in evidence.scores]
    protocols = dict.fromkeys(measured_with(score.protocol) for score in evidence.scores)
    fid = next((score for score in evidence.scores if score.protocol.metric == "fid"), None)
    ruled = fid is not None and "one_missing" in fid.details
    meaning = (
        evidence.attempt("ruler", lambda: fid_sentence(fid.value, fid.details)) if fid is not None and ruled else ""
    )
    old = "A checkpoint is newer than these scores: they are of an earlier state." if evidence.scores_are_old else ""
    with_what = element("ul", *(element("li", protocol) for protocol in protocols))
    table = rows(["score", "value", "how to read it"], body, "Scores")
    return joined([paragraphs(meaning or "", old, counted), table, paragraphs("Measured with:"), with_what])


def measured_with(protocol: Protocol) -> str:
    """A protocol as a sentence."""
    n = "an unknown number of" if protocol.n_generated is None else f"{protocol.n_generated:,}"
    quantised = ", rounded to 8 bits" if protocol.quantised else ""
    parts = [f"{_name(protocol.metric)}: {n} samples{quantised}"]
    if protocol.extractor == "pixels":
        parts.append("pixels" if protocol.variant == "pixels" else f"pixels ({protocol.variant})")
    elif protocol.extractor != "none":
        parts.append(f"features of {protocol.extractor} (input {protocol.variant})")
    if protocol.reference:
        many = "" if protocol.n_reference is None else f"{protocol.n_reference:,} of "
        parts.append(
            f"compared with {many}{Path(protocol.reference).name if _is_path(protocol) else protocol.reference}"
        )
    parts += [f"{name} {value}" for name, value in protocol.parameters.items()]
    parts += [] if protocol.seed is None else [f"seed {protocol.seed}"]
    return "; ".join([*parts, f"minigan {protocol.version}"]) + "."


def health(evidence: Evidence) -> Html:
    """The reports of the monitor, when they came, and which still hold."""
    if not evidence.log:
        return paragraphs("There is no log point, so nothing was measured.")
    entries = events(evidence)
    if not entries:
        return paragraphs("Nothing unusual was seen at any log point.")
    body = [
        [number(step), element("strong", entry["state"]), joined([entry["says"], " ", element("em", entry["remedy"])])]
        for step, entry in entries
    ]
    return joined([paragraphs(f"At the last log point: {_state(evidence)}."), rows(["step", "", "what"], body, "Log")])


def events(evidence: Evidence) -> list[tuple[int, dict[str, str]]]:
    """Step and entry of everything that began or ended."""
    changes = []
    for point in evidence.log:
        entries = point.get("health", [])
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict):
                names = ("condition", "state", "says", "remedy")
                changes.append((point["step"], {name: str(entry.get(name, "")) for name in names}))
    return changes


def choices(evidence: Evidence) -> Html:
    """The configuration, as a table and as the file itself."""
    if evidence.config is None:
        return paragraphs(f"The configuration cannot be read: {evidence.missing['config']}.")
    values = {**asdict(evidence.config), "data": Path(evidence.config.data).name}
    text = paragraphs("The content of config.json; null means the model's default, or that a choice does not apply.")
    pairs = [element("div", element("dt", name), element("dd", json.dumps(value))) for name, value in values.items()]
    return joined([text, element("dl", *pairs, class_="choices")])


def _state(evidence: Evidence) -> str:
    """The conditions that still hold after the last log point."""
    active: dict[str, str] = {}
    for step, entry in events(evidence):
        if entry["state"] == "ends":
            active.pop(entry["condition"], None)
        else:
            active[entry["condition"]] = f"since step {step:,}: {entry['says']}"
    return "; ".join(active.values()).rstrip(".") or "nothing unusual"


def _progress(evidence: Evidence) -> str:
    last, config = evidence.log[-1], evidence.config
    step, epoch = last["step"], last.get("epoch")
    if config is None or not isinstance(epoch, int | float):
        return f"{step:,}"
    a_step = epoch / step if step else 0.0
    end = "" if epoch + a_step / 2 >= config.epochs else ": not finished when this page was written"
    return f"{step:,}, {epoch:.4g} of {config.epochs:.4g} epochs{end}"


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _title(score: Score) -> str:
    return _name(score.protocol.metric)


def _name(metric: str) -> str:
    return POINTS.get(metric) or title(metric)


def _remark(evidence: Evidence, score: Score) -> str:
    metric: str = score.protocol.metric
    comment: Any = evidence.attempt(f"what helps to read {metric}", lambda: remark(score))
    if not comment and "modes" in score.protocol.parameters:
        comment = f"of {score.protocol.parameters['modes']}"
    return REMARKS.get(metric) or comment or ""


def _counted(evidence: Evidence, images: np.ndarray | None) -> str:
    """Which Gaussians new points reach."""
    if images is None or not isinstance(evidence.judge, Mixture):
        return ""
    coverage = evidence.judge.coverage(images)
    return (
        f"{len(images):,} new points reach {coverage.captured} of {coverage.modes} Gaussians; "
        f"{coverage.high_quality:.1%} of them lie within three deviations of one, as 98.9% of the real ones do."
    )


def _is_path(protocol: Protocol) -> bool:
    return Path(protocol.reference).is_absolute()

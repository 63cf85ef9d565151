"""Score: a number together with everything that it was measured with."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from minigan.atomic import replacing

UNKNOWN = "unknown"
FREE = ("version", "seed")  # fields in which two comparable scores may differ


class NonFiniteSamples(ValueError):
    """Samples or features hold a NaN or an infinity: there is no score."""


class ProtocolMismatch(ValueError):
    """Two scores were measured differently; the message lists the fields."""


@dataclass(frozen=True)
class Protocol:
    """The conditions of a score. Two scores are comparable where all fields but `FREE` agree.

    metric       name of the metric, such as "fid"
    parameters   the metric's own numbers, such as {"subsets": 100, "subset_size": 1000}
    extractor    id of the feature network and the first 12 digits of its digest, "pixels" for none
    variant      how images were brought to the extractor (resize and intensity)
    reference    what the samples were compared with: data set, split, digest; "" where the metric needs none
    n_reference  how many reference samples
    n_generated  how many generated samples
    quantised    were generated images rounded to 8 bits first, as the reference images are?
    version      of minigan
    seed         of the metric's own random choices, None where it makes none
    """

    metric: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    extractor: str = UNKNOWN
    variant: str = UNKNOWN
    reference: str = UNKNOWN
    n_reference: int | None = None
    n_generated: int | None = None
    quantised: bool | None = None
    version: str = UNKNOWN
    seed: int | None = None

    def __str__(self) -> str:
        """`fid[lenet-mnist-v1:3fa9 | ref=mnist/test n=10000 | gen n=10000 uint8]`."""
        gen = f"gen n={UNKNOWN if self.n_generated is None else self.n_generated}{' uint8' if self.quantised else ''}"
        parts = [self.extractor, gen]
        if self.reference:
            n = UNKNOWN if self.n_reference is None else self.n_reference
            parts.insert(1, f"ref={self.reference} n={n}")
        parts += [f"{name}={value}" for name, value in self.parameters.items()]
        return f"{self.metric}[{' | '.join(parts)}]"


@dataclass(frozen=True)
class Score:
    """A metric's result: its value, its protocol, and what else the computation has to say (errors, ranks, notes)."""

    value: float
    protocol: Protocol
    details: Mapping[str, Any] = field(default_factory=dict)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.protocol} = {self.value:.4g}"

    def _repr_html_(self) -> str:
        """A table for a notebook: the value, and what it was measured with."""
        measured = {
            name: value for name, value in asdict(self.protocol).items() if value not in (None, {}, "", UNKNOWN)
        }
        cells = {"value": f"{self.value:.4g}", **measured}
        lines = (f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>" for name, value in cells.items())
        return f"<table>{''.join(lines)}</table>"

    def as_json(self) -> dict[str, Any]:
        """The score as JSON can hold it: value, details, protocol."""
        return asdict(self)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Score:
        """The score that `as_json` wrote; TypeError, ValueError or KeyError where it is not one."""
        protocol = dict(entry["protocol"])
        protocol["parameters"] = {name: _hashable(value) for name, value in dict(protocol["parameters"]).items()}
        for name in ("metric", "extractor", "variant", "reference", "version"):
            if not isinstance(protocol.get(name, ""), str):
                raise TypeError(f"its {name} is {protocol[name]!r}, expected words")
        return cls(float(entry["value"]), Protocol(**protocol), dict(entry["details"]))


def write_scores(path: Path, scores: Iterable[Score]) -> None:
    """Write the scores with their protocols as JSON, whole or not at all."""
    with replacing(path) as file:
        file.write(json.dumps({"scores": [score.as_json() for score in scores]}, indent=1).encode())


def read_scores(path: Path | str) -> list[Score]:
    """Read what `write_scores` wrote; a folder means its scores.json. ValueError names the file and what is wrong."""
    path = Path(path) / "scores.json" if Path(path).is_dir() else Path(path)
    try:
        content: Any = json.loads(path.read_text())
        return [Score.from_json(entry) for entry in content["scores"]]
    except FileNotFoundError:
        raise
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path}: not a file of scores, or a damaged one ({error})") from error


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # JSON has no tuples


def difference(a: Score, b: Score) -> float:
    """a - b, where both were measured alike; ProtocolMismatch lists the fields that differ, with both values."""
    left, right = asdict(a.protocol), asdict(b.protocol)
    differing = [name for name in left if name not in FREE and left[name] != right[name]]
    if differing:
        differences = "; ".join(f"{name}: {left[name]!r} and {right[name]!r}" for name in differing)
        raise ProtocolMismatch(f"these scores cannot be compared, they were measured differently: {differences}")
    if not (math.isfinite(a.value) and math.isfinite(b.value)):
        raise NonFiniteSamples(f"a score is not finite: {a.value} and {b.value}")
    return a.value - b.value

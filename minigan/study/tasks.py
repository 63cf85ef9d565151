"""Tasks: every run of a study as one JSON object that holds all that its numbers depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from minigan.study import space

Task = dict[str, Any]
SIZES = ("width", "steps", "batch", "checkpoints", "samples", "scores", "timeout")


@dataclass(frozen=True)
class Spec:
    """A size of the study.

    name      of the size
    data      data sets
    models    of `space.MODELS`
    searches  how many configurations of each space: {"wide": 20}
    repeats   further seeds of each model's best configuration
    sizes     by data set, what `SIZES` names: width of the networks, D steps, batch, checkpoints that are scored,
              samples of a score, names of scores, seconds after which a run ends
    seed      of the draws
    """

    name: str
    data: tuple[str, ...]
    models: tuple[str, ...]
    searches: dict[str, int]
    repeats: int
    sizes: dict[str, dict[str, Any]]
    seed: int = 0

    @classmethod
    def load(cls, source: str | Path) -> Spec:
        """The spec of this name in the package, or in this file; ValueError describes what is wrong with it."""
        if str(source) in names():
            text = resources.files("minigan.study").joinpath("specs", f"{source}.json").read_text("utf-8")
        elif Path(source).is_file():
            try:
                return cls.from_json(json.loads(Path(source).read_text("utf-8")))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{source}: not the spec of a study: {error}") from error
        else:
            raise ValueError(f"spec must be one of {', '.join(names())} or a JSON file, got {source}")
        return cls.from_json(json.loads(text))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Spec:
        """The spec of a JSON object."""
        try:
            spec = cls(**{**content, "data": tuple(content["data"]), "models": tuple(content["models"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"a spec has {', '.join(cls.__dataclass_fields__)}; this one differs: {error}") from error
        spec.check()
        return spec

    def check(self) -> None:
        """ValueError for names or numbers that cannot be run."""
        for model in self.models:
            space.sample(model, "", "wide", 0)
        for name, n in self.searches.items():
            if name not in space.SPACES or n < 1:
                raise ValueError(f"searches must be wide or narrow with at least 1 configuration, got {name}: {n}")
        for data in self.data:
            size = self.sizes.get(data, {})
            if set(size) != set(SIZES):
                raise ValueError(f"sizes of {data} must have {', '.join(SIZES)}, got {', '.join(size) or 'nothing'}")
            if size["steps"] < size["checkpoints"] or min(size["checkpoints"], size["batch"]) < 1:
                raise ValueError(f"steps of {data} must be at least the number of checkpoints, got {size}")

    def as_json(self) -> dict[str, Any]:
        """The JSON that `from_json` reads."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def names() -> list[str]:
    """The specs in the package."""
    folder = resources.files("minigan.study").joinpath("specs")
    return sorted(file.name.removesuffix(".json") for file in folder.iterdir() if file.name.endswith(".json"))


def search(spec: Spec) -> list[Task]:
    """The tasks of all searches, in an order in which every model gets on equally."""
    tasks = []
    for name, n in spec.searches.items():
        for number in range(n):
            for data in spec.data:
                for model in spec.models:
                    params = space.sample(model, data, name, number, spec.seed)
                    tasks.append(_task(spec, name, model, data, number, 0, params))
    return tasks


def repeats(spec: Spec, best: Mapping[tuple[str, str], tuple[int, space.Params]]) -> list[Task]:
    """Further seeds of the best configurations: {(model, data): (number, params)}."""
    tasks = []
    for seed in range(1, spec.repeats + 1):
        for (model, data), (number, params) in best.items():
            tasks.append(_task(spec, "repeat", model, data, number, seed, params))
    return tasks


def _task(spec: Spec, role: str, model: str, data: str, number: int, seed: int, params: space.Params) -> Task:
    what = {"role": role, "model": model, "data": data, "sample": number, "seed": seed}
    return {**what, "params": params, "size": spec.sizes[data]}


def canonical(task: Task) -> str:
    """A task as text: the same text for the same task. ValueError for a number that JSON does not have."""
    return json.dumps(task, sort_keys=True, separators=(",", ":"), allow_nan=False)


def key(task: Task) -> str:
    """16 hexadecimal digits that follow from the content of a task."""
    return hashlib.sha256(canonical(task).encode()).hexdigest()[:16]


def read(path: Path) -> list[Task]:
    """The tasks of a file with one JSON object per line."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def text(tasks: Iterable[Task]) -> str:
    """The text that `read` reads; a task that comes twice is written once."""
    return "".join(f"{line}\n" for line in dict.fromkeys(canonical(task) for task in tasks))

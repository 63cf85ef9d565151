"""The part of the page with samples that were asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.captioned import write_captioned

from minigan.report import asked
from minigan.report.loaded import Evidence
from minigan.training.config import Config
from minigan.training.trainer import Trainer


def run(folder: Path, system: str, **choices: object) -> Evidence:
    pictures = write_captioned(folder / "pictures")
    names = [f"{i}.png" for i in range(12)]
    if system == "ageing":
        (pictures / "attributes.csv").write_text("\n".join(["file,age", *(f"{x},{i}" for i, x in enumerate(names))]))
    if system == "conditional":
        for i, name in enumerate(names):
            (pictures / ("cats", "dogs")[i % 2]).mkdir(exist_ok=True)
            (pictures / name).rename(pictures / ("cats", "dogs")[i % 2] / name)
    small = {"data": str(pictures), "size": 8, "width": 0.05, "batch_size": 4, **choices}
    Trainer.start(Config(system=system, **small), folder / "run", quiet=True).save()
    return Evidence(folder / "run")


EXPECTED = {
    "conditional": ("Classes", "from top to bottom cats, dogs", {}, 1),
    "ageing": ("Ages", "In each row one noise at 9 ages (age from ", {"options": {"age": "age"}}, 1),
    "stackgan": ("Captions", "a red one", {}, 6),
}


@pytest.mark.parametrize("system", EXPECTED)
def test_samples_are_shown_by_what_was_asked_for(system: str, tmp_path: Path) -> None:
    title, words, choices, pictures = EXPECTED[system]
    (shown,) = asked.part(run(tmp_path, system, **choices)).items()
    assert shown[0] == title
    html = str(shown[1]())
    assert words in html and len(re.findall("data:image/png;base64", html)) == pictures


def test_a_run_without_conditions_has_no_such_part(tmp_path: Path) -> None:
    assert asked.part(run(tmp_path, "gan")) == {}

"""What README promises is what the house does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from minigan import models, objectives

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    assert 'pip install -e ".[test]" && pytest' in README
    assert 'pip install -e ".[test]" && pytest' in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("name", objectives.names())
def test_every_objective_has_a_row_in_the_table(name: str) -> None:
    assert re.search(rf"^\| `{name}` \|", README, re.MULTILINE)


@pytest.mark.parametrize("name", models.names())
def test_every_model_is_named(name: str) -> None:
    assert f"`{name}`" in README


def test_every_file_that_the_readme_names_exists() -> None:
    named = re.findall(r"[\w/.-]+\.(?:py|png|gif)\b", README)
    made_by_a_run = {"samples.png", "losses.png", "training.gif", "critic.png", "ring.png", "grid.png", "more.png"}
    missing = [name for name in named if name not in made_by_a_run and not (ROOT / name).exists()]
    assert len(named) > 20
    assert missing == []


def test_every_command_of_minigan_in_the_readme_exists() -> None:
    from minigan import cli

    commands = set(re.findall(r"^minigan (\w+)", README, re.MULTILINE))
    assert {"train", "sample", "explain", "gradcheck", "data"} <= commands
    for command in commands:
        with pytest.raises(SystemExit) as stop:
            cli.main([command, "--help"])
        assert stop.value.code == 0

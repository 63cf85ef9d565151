"""The README files are true: their Python runs, their commands exist, their links lead somewhere."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from minigan import models, objectives
from minigan.training.registry import SYSTEMS
from minigan.watch import verdict

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "minigan/**/*.md", "examples/**/*.md", "tests/*.md", ".github/*.md")
    for path in ROOT.glob(pattern)
)
COVER = (ROOT / "README.md").read_text(encoding="utf-8")
# What a run writes, and what readers put in place of a name of theirs.
MADE = {"samples.png", "losses.png", "training.gif", "critic.png", "ring.png", "grid.png", "more.png"}


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def test_every_room_has_a_page_at_its_door() -> None:
    small = {"checks", "init", "optim", "models", "plots", "study"}
    rooms = {path.parent.name for path in (ROOT / "minigan").glob("*/__init__.py")} - small
    assert rooms - {Path(page).parent.name for page in PAGES} == set()


def test_the_cover_has_at_most_two_hundred_lines() -> None:
    assert len(COVER.splitlines()) <= 200


def test_continuous_integration_runs_the_test_command_of_the_cover() -> None:
    command = 'pip install -e ".[test]" && pytest'
    assert command in COVER and command in text(".ci/run")


def test_continuous_integration_checks_the_style_which_the_tests_leave_out() -> None:
    lines = text(".ci/run").splitlines()
    assert [lines.index(line) for line in ("ruff check .", "ruff format --check .", "mypy")] == sorted(
        lines.index(line) for line in lines if line.split(" ")[0] in ("ruff", "mypy")
    )


@pytest.mark.filterwarnings("ignore:.*the covariance is singular")  # so few samples
def test_the_python_of_the_cover_runs_as_it_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", COVER, re.DOTALL)
    first = [line for line in blocks[0].splitlines() if line and not line.startswith(("import", "from"))]
    assert len(first) <= 13 and len(blocks) == 3
    script = tmp_path / "cover.py"
    script.write_text("\n".join(blocks), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verdict, "SAMPLES", 200)
    runpy.run_path(str(script))
    assert "FID" in capsys.readouterr().out and (tmp_path / "runs" / "mine" / "samples.png").is_file()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_and_every_file_that_a_page_names_exists(page: str) -> None:
    here = (ROOT / page).parent
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text(page)) if "://" not in link]
    assert [link for link in links if not (here / link).exists()] == []
    named = re.findall(r"(?:minigan|examples|tests)/[\w/.-]+\.(?:py|png|gif|md|json|ipynb)\b", text(page))
    missing = [name for name in named if Path(name).name not in MADE and not (ROOT / name).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_is_understood(page: str) -> None:
    blocks = re.findall(r"^(?:    |\$ )?(minigan [^\n]*)", text(page), re.MULTILINE)
    within_lines = re.findall(r"`(minigan [a-z][^`]* --[^`]*)`", text(page))
    for command in (*blocks, *(line for line in within_lines if not line.endswith("--help"))):
        words = shlex.split(re.split(r" {3,}|\s#", command)[0])[1:]
        assert_understood([word for word in words if not word.startswith("[")])


@pytest.mark.parametrize("page", PAGES)
def test_every_example_that_a_page_runs_exists(page: str) -> None:
    scripts = re.findall(r"python (examples/[\w/]+\.py)", text(page))
    assert [script for script in scripts if not (ROOT / script).is_file()] == []


def assert_understood(words: list[str]) -> None:
    """The command line is parsed; nothing of it is done."""
    from minigan import cli

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Parsed):
        patch.setattr(cli, "friendly_errors", lambda name: nullcontext())
        patch.setattr(cli.outputs, "check", stop)  # after the command line is parsed
        cli.main(words)


class Parsed(Exception):
    pass


def stop(*args: object, **kwargs: object) -> None:
    raise Parsed


@pytest.mark.parametrize("name", objectives.names())
def test_every_objective_has_a_row_in_the_table(name: str) -> None:
    assert re.search(rf"^\| `{name}` \|", text("minigan/objectives/README.md"), re.MULTILINE)


@pytest.mark.parametrize("name", models.names())
def test_every_model_is_named(name: str) -> None:
    assert any(f"`{name}`" in text(page) for page in PAGES)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_is_on_the_page_of_systems(name: str) -> None:
    assert name in text("minigan/systems/README.md").lower()


@pytest.mark.parametrize("table", ["objectives", "speed", "growth", "memory", "first run", "recipes"])
def test_the_tables_are_what_the_script_writes(table: str) -> None:
    command = [sys.executable, ROOT / "examples" / "tables.py", "--check", "--only", table]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_table_of_gradients_has_a_row_for_everything_that_is_checked() -> None:
    from minigan import checks

    rows = re.findall(r"^\| (\w+) \| (.*?) \|", text("minigan/layers/README.md"), re.MULTILINE)
    names = {("layer", str(case)) for case in checks.layer_cases()} | {
        ("step", str(case)) for case in checks.step_cases()
    }
    names |= {("objective", title) for title, _ in checks.objective_cases()}
    assert names - set(rows) == set()
    numbers = re.findall(r"\| (\d+) \| (?:exact|< 1e-\d+) \|$", text("minigan/layers/README.md"), re.MULTILINE)
    assert f"\n{sum(map(int, numbers))} derivatives checked: all below 1e-06\n" in COVER
    systems = {name.split(":")[0] for kind, name in rows if kind == "turn"}
    assert {str(case) for case in checks.system_cases()} == systems


@pytest.mark.slow
def test_the_cover_shows_the_last_line_of_the_gradient_checks() -> None:
    done = subprocess.run([sys.executable, "-m", "minigan", "gradcheck"], capture_output=True, text=True, check=True)
    assert f"\n{done.stdout.splitlines()[-1]}\n" in COVER

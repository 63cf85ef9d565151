from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from minigan.cli import main
from minigan.study import page
from minigan.study.store import Store


def test_smoke_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "smoke"
    assert main(["study", "generate", "smoke", "--out", str(folder), "--steps", "30"]) == 0
    assert "4 tasks, and later 2 repeats" in capsys.readouterr().out
    assert main(["study", "run", str(folder)]) == 0
    assert main(["study", "analyse", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "ring8" in shown and "Tuning matters more than the algorithm" in shown
    assert json.loads((folder / "analysis.json").read_text())["wide"]["ring8/ns"]["runs"] == 2
    assert (folder / "budgets.png").stat().st_size > 5000 and (folder / "table.csv").is_file()
    assert main(["study", "report", str(folder / "table.csv"), "--out", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text()
    assert "Who beats whom" in text and text.count("data:image/png") == 3  # budget, search, seeds
    assert "not decided" in text and page.PUBLISHED["ns"][0] in text  # one data set has no two winners


def test_a_study_that_is_not_finished_is_analysed_as_far_as_it_goes(serial: Path, tmp_path: Path) -> None:
    folder = tmp_path / "part"
    shutil.copytree(serial, folder)
    for key in list(Store(folder).tasks())[2:]:
        shutil.rmtree(folder / "runs" / key)
    assert main(["study", "analyse", str(folder)]) == 0
    assert main(["study", "report", str(folder)]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["generate", "nothing"], "spec must be one of"),
        (["generate", "smoke", "--data", "cats"], "--data must be some of"),
        (["generate", "smoke", "--steps", "1"], "steps of ring8 must be at least the number of checkpoints"),
        (["run", "missing"], "there is no tasks.jsonl"),
        (["run", "missing", "--workers", "0"], "workers must be at least 1"),
        (["run", "missing", "--scheduler", "tcp://a:1", "--local-cluster", "2"], "leave out one of them"),
        (["analyse", "missing"], "there is no such folder or table"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["study", *arguments])
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

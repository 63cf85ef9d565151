"""How things show themselves in a notebook; the notebook that is shipped; a run inside a kernel that is interrupted."""

from __future__ import annotations

import io
import json
import os
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.tiny_runs import pictures as pictures
from support.tiny_runs import tiny

from minigan import Network, plots
from minigan.layers import Linear, ReLU, Reshape
from minigan.metrics.score import Protocol, Score
from minigan.runs.folder import Run
from minigan.training.trainer import Trainer

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "examples" / "first_steps.ipynb"


class Words(HTMLParser):
    """The words of a piece of HTML, whose tags must all be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.words = [], []  # type: ignore[var-annotated]
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open += [] if tag in ("img", "br") else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def words(thing: Any) -> list[str]:
    return Words(thing._repr_html_()).words


def test_a_network_shows_its_layers_the_shapes_of_their_parameters_and_their_number() -> None:
    rng = np.random.default_rng(0)
    network = Network(Linear(3, 4, rng=rng), ReLU(), Network(Linear(4, 6, rng=rng), Reshape(3, 2)))
    shown = words(network)
    assert shown[2:6] == ["0", "Linear(3, 4)", "weight (3, 4), bias (4,)", "1"]
    assert "0.weight (4, 6), 0.bias (6,)" in shown and shown[-1] == "46 trained numbers"


def test_a_score_shows_what_it_was_measured_with_and_nothing_that_is_not_known() -> None:
    shown = words(Score(1.23456, Protocol("fid", extractor="a<b", n_reference=10)))
    cells = dict(zip(shown[::2], shown[1::2], strict=True))
    assert cells == {"value": "1.235", "metric": "fid", "extractor": "a<b", "n_reference": "10"}


def test_a_grid_shows_itself_as_its_picture() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3, 3), np.uint8)
    with Image.open(io.BytesIO(plots.Grid(images, 2, scale=1)._repr_png_())) as shown:
        np.testing.assert_array_equal(np.asarray(shown), plots.grid(images, 2, scale=1))


def test_a_run_shows_how_far_it_is_its_last_numbers_and_its_last_picture(pictures: Path, tmp_path: Path) -> None:
    config = tiny(pictures)
    trainer = Trainer.start(config, tmp_path / "a<b", quiet=True)
    assert "step 0 of 12, epoch 0" in words(trainer) and "not begun" in words(trainer.run)
    trainer.train()
    assert "step 12 of 12, epoch 2" in words(trainer)
    for shown in (words(trainer), words(Run.open(tmp_path / "a<b"))):
        assert shown[0] == f"{config.model}, {config.objective}, {config.data}" and "a<b" in shown[1]
        assert shown[shown.index("g_loss") + 1] == f"{trainer.run.log()[-1]['g_loss']:.4g}"
        assert shown[-1] == "Samples, step-000012"
    assert "step 12, epoch 2 of 2" in words(Run.open(tmp_path / "a<b"))


def jupyter() -> Any:
    """The package nbclient."""
    reason = 'Jupyter is not installed; pip install -e ".[notebook]" brings it'
    pytest.importorskip("ipykernel", reason=reason)
    return pytest.importorskip("nbclient", reason=reason)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = jupyter()
    import nbformat

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 3
    assert any("100%" in output.get("text", "") for output in outputs if output.get("name") == "stderr")  # the bar


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_interrupting_a_cell_saves_the_run_and_it_can_be_resumed(pictures: Path, tmp_path: Path) -> None:
    jupyter()
    from jupyter_client.manager import start_new_kernel

    config = json.dumps(tiny(pictures, epochs=100_000).dump())
    manager, client = start_new_kernel(env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=str(tmp_path))
    try:
        request = client.execute(
            f"from minigan import Config, Trainer\nTrainer.start(Config.load({config}, 'config.json'), 'run').train()"
        )
        log = tmp_path / "run" / "log.jsonl"
        until = time.monotonic() + 120
        while not (log.is_file() and log.read_text()):
            assert time.monotonic() < until
            time.sleep(0.1)
        manager.interrupt_kernel()
        replies = iter(lambda: client.get_shell_msg(timeout=120), None)  # the first may be to other requests
        reply = next(one["content"] for one in replies if one["parent_header"].get("msg_id") == request)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert (reply["status"], reply["ename"]) == ("error", "Interrupted")
    step = int(reply["evalue"].split("step ")[1].split(";")[0])
    assert Trainer.resume(tmp_path / "run", quiet=True).step == step > 0


def test_the_notebook_is_stored_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 8
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)

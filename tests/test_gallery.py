"""The gallery of examples: complete, and nothing in it is missing."""

import re
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
TEXT = (EXAMPLES / "README.md").read_text(encoding="utf-8")


def is_script(path: Path) -> bool:
    return 'if __name__ == "__main__"' in path.read_text(encoding="utf-8")


def test_every_example_is_in_the_gallery_with_its_command() -> None:
    scripts = [path for folder in ("", "theory") for path in (EXAMPLES / folder).glob("*.py") if is_script(path)]
    assert len(scripts) > 10
    served = {"benchmark_minigan.py", "benchmark_minigan_gpu.py", "benchmark_torch.py", "benchmark_torch_gpu.py"}
    names = [path.relative_to(EXAMPLES.parent).as_posix() for path in scripts if path.name not in served]
    assert [name for name in names if f"`python {name}" not in TEXT] == []


def test_every_link_and_picture_of_the_gallery_exists_and_every_picture_is_shown() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert [target for target in targets if not (EXAMPLES / target.partition("#")[0]).is_file()] == []
    shown = {Path(target).name for target in targets if target.startswith("pictures/")}
    assert {path.name for path in (EXAMPLES / "pictures").iterdir()} == shown


def test_every_picture_states_what_it_shows() -> None:
    assert re.findall(r"!\[\]", TEXT) == []

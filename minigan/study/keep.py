"""Keep the results of a study in the package: its table, the figure of its budget curves, and the text of the README.

python -m minigan.study.keep FOLDER_OF_A_STUDY NAME
"""

from __future__ import annotations

import sys
from pathlib import Path

from minigan.atomic import replacing
from minigan.study import analysis, figures, markdown, page
from minigan.study.store import Store

ROOM = Path(__file__).parent


def keep(folder: Path, name: str) -> None:
    """Write results/NAME.csv and results/NAME-budgets.png, and the part of the README between the marks of NAME."""
    results = ROOM / "results"
    results.mkdir(exist_ok=True)
    analysis.write(results / f"{name}.csv", analysis.table(Store(folder)))
    rows = analysis.table(results / f"{name}.csv")
    with replacing(results / f"{name}-budgets.png") as file:
        file.write(page.png(figures.budgets(rows)))
    readme = (ROOM / "README.md").read_text("utf-8")
    with replacing(ROOM / "README.md") as file:
        readme = markdown.replaced(readme, "published", markdown.published())
        file.write(markdown.replaced(readme, name, markdown.text(rows)).encode())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python -m minigan.study.keep FOLDER_OF_A_STUDY NAME")
    keep(Path(sys.argv[1]), sys.argv[2])

"""One file from the first mirror that has a good copy of it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from minigan.atomic import replacing

CHUNK = 2**16


def fetch(urls: Sequence[str], target: Path, check: Callable[[Path], object]) -> None:
    """Download to `target`, trying the mirrors in turn; a bar on stderr shows how far it is.

    `check` is given the path of every copy that arrives and raises ValueError if it is not what was wanted: the copy
    is then deleted and the next mirror tried. `target` appears only with a checked copy, whole. Raises ConnectionError
    that says for each mirror what went wrong.
    """
    import pooch  # here, not above: it is slow to import and most runs download nothing

    target.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for url in urls:
        print(f"downloading {url}", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent) as folder:
            copy = Path(folder) / target.name
            try:
                pooch.HTTPDownloader(progressbar=True, chunk_size=CHUNK)(url, str(copy), None)
                check(copy)
            except (OSError, ValueError) as error:
                failures.append(f"{url}: {error}")
                continue
            with replacing(target) as file:
                file.write(copy.read_bytes())
            return
    raise ConnectionError("\n".join(failures))

"""Where a run comes from: the command that began it, and the versions of what it was computed with."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path

from minigan.version import __version__

LIBRARIES = ("numpy", "scipy", "cupy-cuda12x", "cupy-cuda13x")


def command() -> bytes:
    """The command line of this process, as a shell takes it, and names of files as the system writes them."""
    program, *arguments = sys.argv or [""]
    name = "minigan" if Path(program).name in ("minigan", "__main__.py") else f"python {shlex.quote(program)}"
    return os.fsencode(f"{name} {shlex.join(arguments)}".rstrip() + "\n")


def versions() -> bytes:
    """JSON: the versions of minigan, Python and the libraries that results depend on, and the kind of machine."""
    about = {"minigan": __version__, "python": platform.python_version()}
    about |= {name: version for name in LIBRARIES if (version := _version(name))}
    about |= {"system": platform.system(), "machine": platform.machine()}
    return json.dumps(about, indent=2).encode() + b"\n"


def newer(path: Path) -> tuple[str, ...]:
    """A sentence where a run that began with the versions in versions.json continues with others; none without it."""
    try:
        then, now = json.loads(path.read_bytes()), json.loads(versions())
        others = [
            f"{name} {then[name]} then, {now[name]} now" for name in now if then.get(name, now[name]) != now[name]
        ]
    except (OSError, ValueError, AttributeError):
        return ()
    return (f"versions: {', '.join(others)}; the numbers are the same within rounding",) if others else ()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""

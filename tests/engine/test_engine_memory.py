"""Freed memory stays with the process once it has been asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from minigan.engine.memory import keep_freed_memory

def faults(n):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(n):
        np.empty(24 << 20, np.uint8)[::4096] = 1  # touches every page of 24 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

once = faults(1)
if not keep_freed_memory():
    sys.exit(3)
faults(1)
print(once, faults(10))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc is needed")
def test_an_array_that_was_freed_is_allocated_again_without_page_faults() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    if done.returncode == 3:
        pytest.skip("this system has another malloc")
    assert done.returncode == 0, done.stderr
    once, ten = map(int, done.stdout.split())
    assert ten < once / 2  # the kernel may map 2 MiB at one fault: even `once` may be as small as twelve


def test_elsewhere_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    from minigan.engine.memory import keep_freed_memory

    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()

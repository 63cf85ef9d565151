"""The house style, checked by the tools for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(tool: str, *arguments: str) -> None:
    pytest.importorskip(tool, reason=f'{tool} is not installed; pip install -e ".[test]" brings it')
    done = subprocess.run([sys.executable, "-m", tool, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_has_nothing_to_say() -> None:
    run("ruff", "check", ".")


def test_the_code_is_formatted() -> None:
    run("ruff", "format", "--check", ".")


def test_mypy_finds_every_public_signature_typed_and_right() -> None:
    run("mypy")

"""The words of a command line as they were meant."""

from __future__ import annotations

import os
from collections.abc import Sequence


def typed(words: Sequence[str]) -> list[str]:
    """The words, with ~ in --flag=~/path replaced as a shell replaces it elsewhere; ValueError for an empty one.

    An empty word, as "$UNSET" gives, would be a path, and that of the current folder.
    """
    return [_meant(word, words[i - 1] if i else "") for i, word in enumerate(words)]


def _meant(word: str, before: str) -> str:
    flag, equals, value = word.partition("=") if word.startswith("--") else (before, "", word)
    if not value.strip() and (equals or not word.strip()):
        where = f" after {flag}" if flag.startswith("-") else ""
        raise ValueError(f"an argument{where} is empty: write what it is to be, or leave it out (a dot is this folder)")
    if "\0" in value:
        raise ValueError(f"{value!r}: no name of a file can hold a null character")
    if value.startswith("~"):
        home = os.path.expanduser(value)
        if home == value:
            raise ValueError(f"{value}: there is no such home directory here; write the whole path")
        return f"{flag}={home}" if equals else home
    return word

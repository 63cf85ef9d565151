"""Captions as numbers: the words of a data set, and the errors of a caption that cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

LONGEST = 32  # words of a caption, at most
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")  # letters and digits, apostrophes inside


def words_of(caption: str) -> list[str]:
    """The words of a caption in lower case; everything that is not a letter, a digit or an apostrophe separates."""
    return WORD.findall(caption.lower())


@dataclass(frozen=True)
class Vocabulary:
    """The words that captions are made of, and how many a caption may have.

    words    sorted; word i has the number i + 1, and 0 means that there is no word
    length   of the longest caption
    """

    words: tuple[str, ...]
    length: int

    @classmethod
    def of(cls, captions: Iterable[str]) -> Vocabulary:
        """The vocabulary of these captions; ValueError for one without a word, or with more than 32."""
        known: set[str] = set()
        length = 0
        for caption in captions:
            words = words_of(caption)
            _check_length(words, caption, LONGEST, "captions may have")
            known.update(words)
            length = max(length, len(words))
        if not known:
            raise ValueError("there are no captions")
        return cls(tuple(sorted(known)), length)

    def tokens(self, captions: Sequence[str]) -> np.ndarray:
        """The numbers of the captions' words, int64 (N, length), 0 after the last one.

        ValueError for a caption without a word, with too many, or with a word that is not in the vocabulary.
        """
        numbers = {word: i + 1 for i, word in enumerate(self.words)}
        tokens = np.zeros((len(captions), self.length), np.int64)
        for row, caption in zip(tokens, captions, strict=True):
            words = words_of(caption)
            _check_length(words, caption, self.length, "this run was trained with")
            for i, word in enumerate(words):
                if word not in numbers:
                    raise ValueError(self._unknown(word))
                row[i] = numbers[word]
        return tokens

    def __len__(self) -> int:
        return len(self.words)

    def _unknown(self, word: str) -> str:
        shown = ", ".join(self.words[:40]) + (", ..." if len(self.words) > 40 else "")
        near = get_close_matches(word, self.words, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"unknown word {word!r}; this run has {len(self)} words: {shown}{hint}"


def _check_length(words: Sequence[str], caption: str, most: int, who: str) -> None:
    if not words:
        raise ValueError(f"a caption needs at least one word, got {caption!r}")
    if len(words) > most:
        raise ValueError(f"the caption {caption[:40]!r} has {len(words)} words; {who} at most {most}")

"""Rounds: "which one is real?" The answer leaves the server only after the person's."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import betaincinv

from minigan.styles.quiz import Quiz

ROUNDS = 20
LEVEL = 0.95


class Rounds:
    """Pairs of a real and a generated image, one after the other, and the score."""

    def __init__(self, quiz: Quiz, *, has_d: bool) -> None:
        self.quiz, self.has_d, self.answers = quiz, has_d, list[bool]()

    def __len__(self) -> int:
        return len(self.quiz.left)

    def pair(self) -> np.ndarray | None:
        """The next two images, left and right, uint8 (2, H, W, C); None at the end."""
        i = len(self.answers)
        if i == len(self):
            return None
        pair = [self.quiz.real[i], self.quiz.fake[i]]
        return np.stack(pair if self.quiz.left[i] else pair[::-1])

    def answer(self, left: bool) -> bool:
        """Is the real one where the person looks for it? ValueError at the end."""
        if len(self.answers) == len(self):
            raise ValueError("all pairs have been answered: begin again")
        right = bool(self.quiz.left[len(self.answers)]) == left
        self.answers.append(right)
        return right

    def result(self) -> dict[str, Any]:
        """The score so far, and what D and a search for near training images would have got."""
        right, n = sum(self.answers), len(self.answers)
        low, high = interval(right, n)
        result: dict[str, Any] = {"right": right, "of": n, "rounds": len(self)}
        if n == len(self):
            result |= {"low": low, "high": high, "nn_right": self.quiz.nn_right}
            result |= {"d_right": self.quiz.d_right if self.has_d else None}
        return result


def interval(right: int, n: int) -> tuple[float, float]:
    """Between which shares of right answers the true one lies, with 95 % (Clopper & Pearson 1934)."""
    tail = (1 - LEVEL) / 2
    low = 0.0 if right == 0 else float(betaincinv(right, n - right + 1, tail))
    high = 1.0 if right == n else float(betaincinv(right + 1, n - right, 1 - tail))
    return low, high

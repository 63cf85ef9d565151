"""Moves: what a person did to a training, and when; with the seed they repeat a session bit for bit."""

from __future__ import annotations

from typing import Any

from minigan.lab.settings import AT_ONCE, check_choice

MOST = 1000
MOVES = ("set", "d", "g")  # a setting that changes at once; one turn of D alone; one of G alone


def check_moves(moves: object) -> None:
    """ValueError unless each is [step, part, "d"], [step, part, "g"] or [step, part, "set", name, value], in order.

    part    how many turns D has had in this step
    """
    if not isinstance(moves, list) or len(moves) > MOST:
        raise ValueError(f"moves must be a list of at most {MOST:,} moves")
    before = (0, 0)
    for i, move in enumerate(moves):
        place = _place(move)
        if place is None:
            raise ValueError(f'moves[{i}] must be [step, part, "set", name, value] or [step, part, "d" or "g"]')
        if place < before:
            raise ValueError(f"moves[{i}] must not be before the move that precedes it")
        before = place
        if move[2] == "set":
            if move[3] not in AT_ONCE:
                raise ValueError(f"moves[{i}]: only {', '.join(AT_ONCE)} can change while it trains, got {move[3]!r}")
            check_choice(move[3], move[4])


def _place(move: Any) -> tuple[int, int] | None:
    """Step and part of a move that has the right form."""
    if not isinstance(move, list) or len(move) < 3 or move[2] not in MOVES:
        return None
    if len(move) != (5 if move[2] == "set" else 3):
        return None
    counted = all(type(number) is int and 0 <= number <= 10**7 for number in move[:2])
    return (move[0], move[1]) if counted else None

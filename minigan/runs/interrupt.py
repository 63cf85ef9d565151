"""Ctrl-C that loses nothing: the first asks the loop to stop after its step, the second stops at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interrupted(KeyboardInterrupt):
    """Somebody asked the run to stop; the message states how to continue."""


class Stop:
    """Whether somebody has asked to stop; when it is `over`, signals do nothing any more."""

    def __init__(self) -> None:
        self.requested = self.over = False


@contextmanager
def stop_on_signals(at_once: str = "stopped") -> Iterator[Stop]:
    """Inside, SIGINT (Ctrl-C) and SIGTERM set `requested`; a second one raises Interrupted with the words `at_once`,
    and the following ones do nothing, because what has been opened is being closed.

    A weight update cut in half would leave a network that no step ever made. Only the main thread may handle signals:
    elsewhere nothing is changed.
    """
    stop = Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.over:
            return
        if stop.requested:
            stop.over = True
            raise Interrupted(at_once)
        stop.requested = True

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before: dict[int, Any] = {}
    try:
        for known in (signal.SIGINT, signal.SIGTERM):
            before[known] = signal.signal(known, ask)
        yield stop
    finally:
        stop.over = True
        for number, handler in before.items():
            signal.signal(number, handler)

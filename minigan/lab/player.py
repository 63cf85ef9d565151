"""Player: the thread that trains. It alone touches the session; others leave orders, and take finished frames."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from threadpoolctl import threadpool_limits

from minigan.lab.frames import pack
from minigan.lab.session import Order, Session

ORDERS = 64  # that may wait
SHARE = 0.15  # of all time that pictures may take
BEAT = 0.05  # seconds between two pictures, at least
IDLE = 30.0  # seconds without a page that asks for a picture, after which training pauses
MEASURE_EVERY = 10  # pictures


class Busy(Exception):
    """Too many orders wait."""


class Player(threading.Thread):
    """Between two steps an order is carried out, and a picture is made if somebody waits for one and it is time.

    Pictures take at most SHARE of the time: on a busy machine they become fewer, and training does not become slower.
    """

    def __init__(self, session: Session, *, idle: float = IDLE) -> None:
        super().__init__(daemon=True, name="lab player")
        self._session, self._idle = session, idle
        self._orders: queue.Queue[tuple[Order, Future[Any], bool] | None] = queue.Queue(ORDERS)
        self._fresh = threading.Condition()  # guards the three below
        self._number, self._frame, self._waiting = 0, b"", 0
        self._over = threading.Event()
        self._stale, self._coarse, self._due, self._asked = True, False, 0.0, time.monotonic()
        self._rate, self._counted, self._since = 0.0, 0, time.monotonic()
        self._next_step = 0.0
        self._pictures = 0

    def order(self, order: Order, *, changes: bool = True, timeout: float = 30.0) -> Any:
        """Have an order carried out; its answer, or the error that it raised. Busy: too many wait.

        changes   is there something new to see afterwards?
        """
        future: Future[Any] = Future()
        try:
            self._orders.put_nowait((order, future, changes))
        except queue.Full:
            raise Busy from None
        return future.result(timeout)

    def after(self, number: int, timeout: float) -> bytes | None:
        """The newest frame that is newer than `number`; None where none came in time."""
        with self._fresh:
            self._asked = time.monotonic()
            if self._number <= number:
                self._waiting += 1
                if not self._session.playing:
                    self._wake()
                try:
                    self._fresh.wait_for(lambda: self._number > number or self._over.is_set(), timeout)
                finally:
                    self._waiting -= 1
            self._asked = time.monotonic()
            return self._frame if self._number > number else None

    def stop(self) -> None:
        """End the thread, and whoever waits."""
        self._over.set()
        self._wake()
        with self._fresh:
            self._fresh.notify_all()

    def run(self) -> None:
        with threadpool_limits(1, "blas"):
            while not self._over.is_set():
                try:
                    self._obey()
                    self._train()
                    self._show()
                except Exception as error:  # a bug must not end the thread: the page shows it, and lives on
                    self._session.halt(f"{type(error).__name__}: {error}")
                    self._stale, self._due = True, time.monotonic() + 1.0  # it may come again with the next picture
        self._refuse_the_rest()

    def _wake(self) -> None:
        with suppress(queue.Full):  # then it is awake
            self._orders.put_nowait(None)

    def _obey(self) -> None:
        """Carry out the next order, if there is one; at rest, sleep until there is."""
        busy = self._session.playing or ((self._stale or self._coarse) and self._waiting)
        try:
            item = self._orders.get(timeout=max(self._pause(), 0.0) or None) if busy else self._orders.get()
        except queue.Empty:
            return
        if item is None:
            return
        order, future, changes = item
        try:
            future.set_result(order(self._session))
        except Exception as error:
            future.set_exception(error)
        if changes:
            self._stale, self._due = True, 0.0  # an order is seen at once

    def _pause(self) -> float:
        """Seconds until there is something to do while nobody orders."""
        now = time.monotonic()
        soon = self._due - now if (self._stale or self._coarse) and self._waiting else 1.0
        if self._session.playing:
            soon = min(soon, self._next_step - now)
        return max(soon, 1e-6)

    def _train(self) -> None:
        """One step, if it is time for one."""
        now = time.monotonic()
        if not self._session.playing or now < self._next_step:
            return
        if now - self._asked > self._idle:
            self._session.halt("nobody was looking", tired=True)
            self._stale = True
            return
        self._session.train()
        self._stale = True
        speed = self._session.speed
        self._next_step = max(self._next_step + 1 / speed, now) if speed else now
        self._counted += 1
        if now - self._since > 0.5:
            self._rate, self._counted, self._since = self._counted / (now - self._since), 0, now

    def _show(self) -> None:
        """One picture, if somebody waits for one and it is time: a coarse one after a change, at once; a fine one as
        soon as nothing changes."""
        started = time.monotonic()
        with self._fresh:
            wanted = self._waiting > 0
        fine = not self._stale and not self._session.playing
        if not ((self._stale or (fine and self._coarse)) and wanted and started >= self._due):
            return
        self._pictures += 1
        numbers, arrays = self._session.frame(fine=fine, measure=fine or self._pictures % MEASURE_EVERY == 0)
        numbers["rate"] = self._rate if self._session.playing else 0.0
        numbers["number"] = self._number + 1
        frame = pack(numbers, arrays)
        took = time.monotonic() - started
        self._due, self._stale, self._coarse = started + max(BEAT, took / SHARE), False, not fine
        with self._fresh:
            self._number += 1
            self._frame = frame
            self._fresh.notify_all()

    def _refuse_the_rest(self) -> None:
        while True:
            try:
                item = self._orders.get_nowait()
            except queue.Empty:
                return
            if item is not None:
                item[1].set_exception(RuntimeError("The lab has been closed."))

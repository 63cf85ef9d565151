"""Serving: the port, the browser, and the lines that `minigan lab` prints, until somebody stops it."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from minigan.lab.command import PORT
from minigan.lab.explorer import Explorers
from minigan.lab.player import Player
from minigan.lab.presets import Preset, from_text
from minigan.lab.server import Server
from minigan.lab.session import Session
from minigan.runs.interrupt import stop_on_signals


def serve(
    preset_text: str | None,
    choices: dict[str, Any],
    data: str,
    seed: int,
    *,
    runs: Sequence[Path],
    port: int | None,
    browser: bool,
) -> int:
    """Serve a session until Ctrl-C. What is wrong with a preset, a run or a port is raised before anything is served.

    preset_text   the text of --preset, or None: then the session follows from the objective's recipe with `choices`,
                  data and seed
    """
    values = {"lab": 1, "choices": choices, "data": {"name": data}, "seed": seed}
    preset = Preset.read(values) if preset_text is None else from_text(preset_text)
    browser = browser and _has_browser()
    explorers, player = Explorers(runs), Player(Session(preset))
    server = bound(lambda number: Server(player, explorers, number), port)
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.002)  # a request is answered while a step is computed
    try:
        with stop_on_signals() as stop:
            _print_lines(server, port, browser)
            player.start()
            threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True, name="lab server").start()
            if browser:
                threading.Thread(target=webbrowser.open, args=(server.ticket_address,), daemon=True).start()
            while not stop.requested:
                time.sleep(0.05)
            player.stop()
            server.shutdown()
    finally:
        server.server_close()
        sys.setswitchinterval(before)
    print("closed", flush=True)
    return 0


def bound(make: Callable[[int], Server], port: int | None) -> Server:
    """The server at `port`; where none is asked for, at the usual one, or at any free one."""
    try:
        return make(PORT if port is None else port)
    except OSError as error:
        taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
        if taken and port is not None:
            raise ValueError(f"port {port} is taken: leave out --port, or name another one") from error
        if not taken:
            raise
    return make(0)


def _has_browser() -> bool:
    """Is there one on this machine that can be opened?"""
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def _print_lines(server: Server, port: int | None, browser: bool) -> None:
    print(f"minigan lab: {server.address}", flush=True)
    if port is None and server.server_port != PORT:
        print(f"Port {PORT} is taken; this is another one.", flush=True)
    opened = "Opened in your browser" if browser else "Open this address in a browser on this machine"
    print(f"{opened}; Ctrl-C closes it.", flush=True)
    if os.environ.get("SSH_CONNECTION"):
        number = server.server_port
        print(
            f"From another machine: ssh -L {number}:127.0.0.1:{number} HOST, then open the address there.", flush=True
        )

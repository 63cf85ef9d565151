"""A real browser, driven through pipes by the DevTools protocol: it needs Chromium, and no package."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from support.waiting import until

FLAGS = ["headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync", "hide-scrollbars"]
FLAGS += ["disable-background-networking", "disable-component-update", "remote-debugging-pipe", "disable-dev-shm-usage"]
KEYS = {" ": ("Space", 32), "Escape": ("Escape", 27), "ArrowRight": ("ArrowRight", 39), "ArrowLeft": ("ArrowLeft", 37)}
KEYS |= {"ArrowUp": ("ArrowUp", 38), "ArrowDown": ("ArrowDown", 40), "Home": ("Home", 36), "Tab": ("Tab", 9)}


class Chromium:
    """One headless browser; `open` gives a page of it."""

    def __init__(self, program: str, profile: Path) -> None:
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        flags = " ".join(f"'--{flag}'" for flag in [*FLAGS, f"user-data-dir={profile}"])
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec '{program}' {flags} about:blank 3<&{to_read} 4>&{to_write}"],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._rest, self._number = b"", 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command; its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def open(self, width: int = 1440, height: int = 900) -> Page:
        """A new page."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, target, session, width, height)

    def close(self) -> None:
        """End the browser."""
        self.call("Browser.close")
        self._process.wait(20)
        os.close(self._to)
        os.close(self._from)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = os.read(self._from, 2**20)
            assert piece, "the browser has ended"
            self._rest += piece
        text, _, self._rest = self._rest.partition(b"\0")
        return json.loads(text)


class Page:
    """A page: go somewhere, ask for values, press keys, take a picture."""

    def __init__(self, browser: Chromium, target: str, session: str, width: int, height: int) -> None:
        self._browser, self._target, self._session = browser, target, session
        for part in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{part}.enable")
        self.size(width, height)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command to this page."""
        return self._browser.call(method, self._session, **parameters)

    def size(self, width: int, height: int = 900, *, dark: bool = False, calm: bool = False) -> None:
        """How large the window is, by day or at night, with reduced motion or without."""
        phone = width < 500
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        features.append({"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"})
        self.call("Emulation.setEmulatedMedia", media="", features=features)

    def go(self, address: str) -> None:
        """Open an address, anew even where only its fragment differs."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=address)

    def value(self, script: str) -> Any:
        """The value of an expression in the page; promises are awaited."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script: str, seconds: float = 20.0) -> Any:
        """The value of an expression as soon as it is true; a page that still loads may not have its elements yet."""
        guarded = f"(() => {{ try {{ return {script} }} catch {{ return null }} }})()"
        return until(lambda: self.value(guarded), seconds, script)

    def press(self, key: str, *, shift: bool = False) -> None:
        """One key, down and up."""
        code, number = KEYS.get(key, (f"Key{key.upper()}", ord(key.upper()[0])))
        text = {"text": key} if len(key) == 1 else {}
        common = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def mouse(self, kind: str, x: float, y: float) -> None:
        """mousePressed, mouseMoved or mouseReleased at a place of the window."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def click(self, selector: str) -> None:
        """A click on an element, by script: wherever it is."""
        self.value(f"document.querySelector({selector!r}).click()")

    def errors(self) -> list[Any]:
        """Errors in the console, and exceptions."""
        self.value("1")
        mine = [e for e in self._browser.events if e.get("sessionId") == self._session]
        logged = [e["params"]["entry"] for e in mine if e["method"] == "Log.entryAdded"]
        raised = [e["params"] for e in mine if e["method"] == "Runtime.exceptionThrown"]
        return [*(entry for entry in logged if entry["level"] == "error"), *raised]

    def picture(self, path: Path, *, full: bool = False) -> None:
        """A screenshot, of the window or of the whole page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=full)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """Close the page."""
        self._browser.call("Target.closeTarget", targetId=self._target)

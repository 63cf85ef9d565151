"""Server: the page's files, frames, and orders; the standard library's HTTP server, for one person on one machine."""

from __future__ import annotations

import json
import secrets
import socketserver
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import TimeoutError as TooLate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any
from urllib.parse import parse_qs

from minigan.lab import door, routes
from minigan.lab.door import Closed
from minigan.lab.explorer import Explorers
from minigan.lab.frames import text
from minigan.lab.orders import Refused
from minigan.lab.player import Busy, Player

FILES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
CONNECTIONS, WAITING = 16, 8  # at a time: all, and those that wait for a frame
TICKET = 60.0  # seconds for which what the browser was opened with is good, once


class Server(ThreadingHTTPServer):
    """Bound to 127.0.0.1. `secret`: what every request below /api/ must carry; the printed address has it."""

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there it would let two servers share a port
    request_queue_size = 32

    def __init__(self, player: Player, explorers: Explorers, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.player, self.explorers = player, explorers
        self.secret, self._ticket, self._made = secrets.token_urlsafe(24), secrets.token_urlsafe(24), time.monotonic()
        self.files = _files()
        self.hello = routes.hello(explorers)
        self.connections = threading.BoundedSemaphore(CONNECTIONS)
        self.frames = threading.BoundedSemaphore(WAITING)

    def server_bind(self) -> None:
        """Without asking DNS for this machine's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A page that is closed in the midst of an answer is not an error; anything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, if there are not too many."""
        if not self.connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handle one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.connections.release()

    @property
    def root(self) -> str:
        """The address without a secret."""
        return f"http://127.0.0.1:{self.server_port}/"

    @property
    def address(self) -> str:
        """The address that is printed: the secret is after '#', which no browser sends anywhere."""
        return f"{self.root}#t={self.secret}"

    @property
    def ticket_address(self) -> str:
        """The address that a browser is opened with: other users of the machine may see it in the list of processes."""
        return f"{self.root}#k={self._ticket}"

    def enter(self, ticket: str) -> str:
        """The secret for the ticket, once."""
        good = secrets.compare_digest(ticket.encode(), self._ticket.encode()) and bool(self._ticket)
        if not good or time.monotonic() - self._made > TICKET:
            raise Closed(403, "Open the address that minigan lab printed: it carries a key.")
        self._ticket = ""
        return self.secret


class Handler(BaseHTTPRequestHandler):
    """One connection of a browser, for many requests."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "minigan-lab", ""
    wbufsize = -1  # headers and body leave in one packet
    disable_nagle_algorithm = True
    timeout = 30
    server: Server

    def handle_one_request(self) -> None:
        """As in the base class, for any method."""
        try:
            self.raw_requestline = self.rfile.readline(8193)
            if not self.raw_requestline or len(self.raw_requestline) > 8192:
                self.close_connection = True
                return
            if self.parse_request():
                self._answer()
                self.wfile.flush()
        except TimeoutError:
            self.close_connection = True

    def _answer(self) -> None:
        try:
            path = door.check(self.command, self.path, self.headers, self.server.secret)
            body = b""
            if self.command == "POST":
                body = self.rfile.read(door.length(self.headers))
            elif self.headers.get("Content-Length", "0") != "0" or self.headers.get("Transfer-Encoding"):
                raise Closed(400, "A question has no body.")
            status, kind, answer = self._route(path, body)
        except Closed as closed:
            self.close_connection = True  # a body that was not read must not be taken for the next request
            status, kind, answer = closed.status, "application/json", text({"error": closed.message})
        except Busy:
            status, kind, answer = 503, "application/json", text({"error": "Too many orders wait: try again."})
        except Refused as refused:
            status, kind, answer = 409, "application/json", text({"error": str(refused)})
        except TooLate:
            status, kind, answer = 503, "application/json", text({"error": "This takes long: it is still under way."})
        except (ValueError, TypeError, OSError, RecursionError, MemoryError, RuntimeError) as error:
            status, kind, answer = 422, "application/json", text({"error": str(error) or type(error).__name__})
        self._send(status, kind, answer)

    def _route(self, path: str, body: bytes) -> tuple[int, str, bytes]:
        if self.command == "GET" and path in self.server.files:
            kind, content = self.server.files[path]
            return 200, f"{kind}; charset=utf-8", content
        query = {name: values[-1] for name, values in parse_qs(self.path.partition("?")[2], max_num_fields=8).items()}
        if (self.command, path) == ("POST", "/api/enter"):
            return 200, "application/json", text({"secret": self.server.enter(_ticket(body))})
        if (self.command, path) == ("GET", "/api/frame"):
            return self._frame(query)
        handler = routes.find(self.command, path)
        if handler is None:
            raise Closed(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
        return handler(self.server, query, body)

    def _frame(self, query: Mapping[str, str]) -> tuple[int, str, bytes]:
        after = query.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) < 16):
            raise ValueError(f"after must be the number of a picture, got {after!r}")
        if not self.server.frames.acquire(blocking=False):
            return 503, "application/json", text({"error": "Too many pages are open: close one."})
        try:
            frame = self.server.player.after(int(after), 10.0)
        finally:
            self.server.frames.release()
        return (204, "", b"") if frame is None else (200, "application/octet-stream", frame)

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in door.HEADERS.items():
            self.send_header(name, value)
        if kind:
            self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a picture every 50 ms is not worth a line."""


def _ticket(body: bytes) -> str:
    value = json.loads(body)
    if not isinstance(value, dict) or not isinstance(value.get("ticket"), str):
        raise ValueError("a ticket must be a text")
    return value["ticket"]


def _files() -> dict[str, tuple[str, bytes]]:
    """The page's files by the path under which they are served; read once, and nothing else is ever read."""
    folder = resources.files("minigan.lab") / "page"
    files = {}
    for file in folder.iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in FILES:
            files["/" if file.name == "page.html" else f"/{file.name}"] = FILES[suffix], file.read_bytes()
    return files

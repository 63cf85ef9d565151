"""Door: which requests are answered. Pure functions of what a request states, so that a table can test them.

The lab answers one person on one machine. A page of another site can make a browser send requests here, and a name
that resolves to 127.0.0.1 can make such a page look like ours; neither has the secret, and neither gets past the names.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from email.message import Message
from urllib.parse import urlsplit

NAMES = ("127.0.0.1", "localhost", "::1")
LARGEST = 64 * 1024  # bytes of a body
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Closed(Exception):
    """A request that is not answered: its status, and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def check(method: str, target: str, headers: Message, secret: str) -> str:
    """The path of a request that may come in; Closed for all others."""
    if method not in ("GET", "POST"):
        raise Closed(405, "The lab answers GET and POST.")
    if not target.startswith("/") or target.startswith("//"):
        raise Closed(400, "The lab answers to paths only.")
    host = _one(headers.get_all("Host", []))
    _check_origin(host, headers)
    path = target.partition("?")[0]
    if path.startswith("/api/") and path != "/api/enter":
        given = headers.get_all("X-Lab-Token", [])
        if len(given) != 1 or not hmac.compare_digest(given[0].encode(), secret.encode()):
            raise Closed(403, "Open the address that minigan lab printed: it carries a key.")
    return path


def length(headers: Message) -> int:
    """The length of a body; Closed where it is not stated or too large."""
    stated = headers.get_all("Content-Length", [])
    if headers.get("Transfer-Encoding") is not None or len(stated) != 1:
        raise Closed(411, "The length of an order must be stated.")
    if not (stated[0].isascii() and stated[0].isdigit()):
        raise Closed(400, "The length of an order must be a number.")
    if len(stated[0]) > 7 or int(stated[0]) > LARGEST:
        raise Closed(413, f"An order may have {LARGEST // 1024} kB.")
    return int(stated[0])


def _one(hosts: Sequence[str]) -> str:
    """The only Host, if it is a name of this machine; compared whole, never by its beginning."""
    if len(hosts) != 1 or hosts[0] != hosts[0].strip() or not hosts[0]:
        raise Closed(421, "This lab answers on 127.0.0.1 only.")
    try:
        parts = urlsplit(f"//{hosts[0]}")
        known = parts.hostname in NAMES and parts.netloc == hosts[0] and "@" not in hosts[0]
        plain = not (parts.path or parts.query or parts.fragment) and (parts.port is None or parts.port > 0)
    except ValueError:
        known = plain = False
    if not (known and plain):
        raise Closed(421, "This lab answers on 127.0.0.1 only.")
    return hosts[0]


def _check_origin(host: str, headers: Message) -> None:
    origins = headers.get_all("Origin", [])
    if origins and origins != [f"http://{host}"]:
        raise Closed(403, "This lab answers its own page only.")
    site = headers.get("Sec-Fetch-Site", "same-origin")
    if site not in ("same-origin", "none"):
        raise Closed(403, "This lab answers its own page only.")

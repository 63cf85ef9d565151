"""Downloads: the first good copy wins, and nothing else is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from minigan.data.download import fetch

Internet = Callable[[dict[str, bytes]], list[str]]
MIRRORS = ("https://one.example/file", "https://two.example/file")


def check(path: Path) -> None:
    if path.read_bytes() != b"good":
        raise ValueError(f"{path}: not good")


def test_the_first_mirror_is_enough_if_its_copy_is_good(tmp_path: Path, internet: Internet) -> None:
    asked = internet(dict.fromkeys(MIRRORS, b"good"))
    fetch(MIRRORS, tmp_path / "new" / "file", check)
    assert asked == [MIRRORS[0]]
    assert (tmp_path / "new" / "file").read_bytes() == b"good"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


@pytest.mark.parametrize("first", [{}, {MIRRORS[0]: b"bad"}])
def test_a_mirror_that_fails_or_sends_a_bad_copy_is_passed_over(
    tmp_path: Path, internet: Internet, first: dict[str, bytes]
) -> None:
    asked = internet({**first, MIRRORS[1]: b"good"})
    fetch(MIRRORS, tmp_path / "file", check)
    assert asked == list(MIRRORS)
    assert (tmp_path / "file").read_bytes() == b"good"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_when_every_mirror_fails_each_is_named_and_nothing_is_left(tmp_path: Path, internet: Internet) -> None:
    internet({MIRRORS[1]: b"bad"})
    with pytest.raises(ConnectionError) as caught:
        fetch(MIRRORS, tmp_path / "file", check)
    message = str(caught.value)
    assert f"{MIRRORS[0]}: the network is unreachable" in message
    assert f"{MIRRORS[1]}: " in message
    assert "not good" in message
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_download_leaves_nothing(
    tmp_path: Path, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    internet({MIRRORS[0]: b"half"})

    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(MIRRORS, tmp_path / "file", interrupted)
    assert list(tmp_path.iterdir()) == []


def test_the_user_is_told_what_is_downloaded(
    tmp_path: Path, internet: Internet, capsys: pytest.CaptureFixture[str]
) -> None:
    internet({MIRRORS[0]: b"good"})
    fetch(MIRRORS, tmp_path / "file", check)
    captured = capsys.readouterr()
    assert MIRRORS[0] in captured.err
    assert captured.out == ""


def test_a_real_server_is_asked_over_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")  # no proxy of this machine may stand between the test and itself

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/file" else 404)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"good")

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing on stderr."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_port}"
            fetch([f"{address}/absent", f"{address}/file"], tmp_path / "file", check)
        finally:
            server.shutdown()
            thread.join()
    assert (tmp_path / "file").read_bytes() == b"good"

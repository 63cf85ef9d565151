"""Downloads: the first good copy wins, and nothing else is kept."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import minigan
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


def test_the_user_sees_what_is_downloaded(
    tmp_path: Path, internet: Internet, capsys: pytest.CaptureFixture[str]
) -> None:
    internet({MIRRORS[0]: b"good"})
    fetch(MIRRORS, tmp_path / "file", check)
    captured = capsys.readouterr()
    assert MIRRORS[0] in captured.err
    assert captured.out == ""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """The address of a server on this machine, and the list of what it has been asked for."""
    monkeypatch.setenv("no_proxy", "*")  # no proxy of this machine may stand between the test and itself
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            whole = b"good" if self.path in ("/file", "/slow", "/broken", "/cut") else bytes(3000)
            self.send_response(404 if self.path == "/absent" else 200)
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(whole[:2])
            if self.path == "/slow":
                time.sleep(0.3)
            if self.path not in ("/broken", "/cut") or asked.count("/broken") > 2:
                self.wfile.write(whole[2:])

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}", asked
        finally:
            running.shutdown()
            thread.join()


Server = tuple[str, list[str]]


def test_a_real_server_is_asked_over_http(tmp_path: Path, server: Server) -> None:
    address, asked = server
    fetch([f"{address}/absent", f"{address}/file"], tmp_path / "file", check)
    assert (tmp_path / "file").read_bytes() == b"good"
    assert set(asked) == {"/absent", "/file"}


def test_a_transfer_that_breaks_off_is_begun_again(tmp_path: Path, server: Server) -> None:
    address, asked = server
    fetch([f"{address}/broken"], tmp_path / "file", check)
    assert asked == ["/broken"] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_mirror_that_always_breaks_off_is_given_up_and_states_how(tmp_path: Path, server: Server) -> None:
    address, asked = server
    with pytest.raises(ConnectionError, match="2 bytes read, 2 more expected"):
        fetch([f"{address}/cut"], tmp_path / "file", check)
    assert asked == ["/cut"] * 3
    assert list(tmp_path.iterdir()) == []


def test_what_never_ends_is_cut_off_and_not_kept(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minigan.data.download.LARGEST", 1000)
    with pytest.raises(ConnectionError, match="/long: it sends more than 1,000 bytes"):
        fetch([f"{server[0]}/long"], tmp_path / "file", check)
    assert list(tmp_path.iterdir()) == []


def test_processes_that_download_one_file_all_have_it_whole(tmp_path: Path, server: Server) -> None:
    program = "import sys; from pathlib import Path; from minigan.data.download import fetch\n"
    program += "def check(path):\n    assert path.read_bytes() == b'good'\n"
    program += "fetch([sys.argv[1]], Path(sys.argv[2]), check)"
    home = str(Path(minigan.__file__).parents[1])
    words = [sys.executable, "-c", program, f"{server[0]}/slow", str(tmp_path / "file")]
    environment = os.environ | {"PYTHONPATH": home, "OPENBLAS_NUM_THREADS": "1"}
    both = [subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in both] == [0] * 2
    assert (tmp_path / "file").read_bytes() == b"good"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_where_nobody_listens_the_address_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/file"
        with pytest.raises(ConnectionError, match=f"^{address}: .*refused"):
            fetch([address], tmp_path / "file", check)
    assert list(tmp_path.iterdir()) == []

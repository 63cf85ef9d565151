"""The server and the player without a browser: who may come in, what is answered, what cannot stop the trainer."""

from __future__ import annotations

import ast
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from minigan.lab import door
from minigan.lab.explorer import Explorers
from minigan.lab.frames import unpack
from minigan.lab.orders import order_of
from minigan.lab.player import Busy, Player
from minigan.lab.presets import Preset
from minigan.lab.server import Server
from minigan.lab.serving import bound
from minigan.lab.session import Session

ROOT = Path(__file__).parents[2]
SMALL = {"hidden": 8, "batch_size": 8}
HOST = {"Host": "127.0.0.1:2014"}
KEY = {**HOST, "X-Lab-Token": "secret"}


class Client:
    """A page of the lab, without a browser."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def __call__(self, path: str, body: Any = None, method: str = "", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=20)
        given = {"X-Lab-Token": self.server.secret, **{k.replace("_", "-"): v for k, v in headers.items()}}
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request(method or ("GET" if body is None else "POST"), path, raw, given)
        answer = connection.getresponse()
        result = answer.status, answer.read()
        connection.close()
        return result

    def order(self, **values: Any) -> tuple[int, dict[str, Any]]:
        status, body = self("/api/order", values)
        return status, json.loads(body)

    def frame(self, after: int = 0) -> dict[str, Any]:
        status, body = self(f"/api/frame?after={after}")
        assert status == 200
        numbers, arrays = unpack(body)
        return numbers | {"arrays": arrays}


@pytest.fixture
def lab() -> Iterator[Client]:
    session = Session(Preset.read({"lab": 1, "choices": SMALL}))
    player = Player(session, idle=5.0)
    server = Server(player, Explorers([]), 0)
    player.start()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield Client(server)
    player.stop()
    server.shutdown()
    server.server_close()
    player.join(10)
    assert not player.is_alive()


def status(method: str, target: str, headers: list[tuple[str, str]]) -> int:
    message = Message()
    for name, value in headers:
        message[name] = value
    try:
        door.check(method, target, message, "secret")
        if method == "POST":
            door.length(message)
    except door.Closed as closed:
        return closed.status
    return 200


@pytest.mark.parametrize(
    ("method", "target", "change", "expected"),
    [
        ("GET", "/", {"X-Lab-Token": None}, 200),
        ("GET", "/api/hello", {}, 200),
        ("GET", "/api/hello", {"Host": "localhost:9"}, 200),
        ("GET", "/api/hello", {"Host": "[::1]:2014"}, 200),
        ("GET", "/api/hello", {"Host": "127.0.0.1"}, 200),
        ("GET", "/api/hello", {"Origin": "http://127.0.0.1:2014"}, 200),
        ("GET", "/api/hello", {"Sec-Fetch-Site": "none"}, 200),
        ("GET", "/", {"Host": None}, 421),
        ("GET", "/", {"Host": ""}, 421),
        ("GET", "/", {"Host": "127.0.0.1.evil.example"}, 421),
        ("GET", "/", {"Host": "127.0.0.1@evil.example"}, 421),
        ("GET", "/", {"Host": "evil.example"}, 421),
        ("GET", "/", {"Host": "localhost."}, 421),
        ("GET", "/", {"Host": "localhost:x"}, 421),
        ("GET", "/", {"Host": "localhost:99999"}, 421),
        ("GET", "/", {"Host": "localhost/evil"}, 421),
        ("GET", "/", {"Host": "0.0.0.0:2014"}, 421),
        ("GET", "/", {"Host": "[::1"}, 421),
        ("GET", "/", {"Host": ["localhost", "localhost"]}, 421),
        ("GET", "/", {"Origin": "null"}, 403),
        ("GET", "/", {"Origin": "http://evil.example"}, 403),
        ("GET", "/", {"Origin": "https://127.0.0.1:2014"}, 403),
        ("GET", "/", {"Origin": "http://127.0.0.1:2015"}, 403),
        ("GET", "/", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", "/", {"Sec-Fetch-Site": "same-site"}, 403),
        ("GET", "/api/hello", {"X-Lab-Token": None}, 403),
        ("GET", "/api/hello", {"X-Lab-Token": "secres"}, 403),
        ("GET", "/api/hello", {"X-Lab-Token": ""}, 403),
        ("GET", "/api/hello", {"X-Lab-Token": "ü"}, 403),
        ("GET", "/api/hello", {"X-Lab-Token": ["secret", "secret"]}, 403),
        ("GET", "http://127.0.0.1/", {}, 400),
        ("GET", "//evil.example/", {}, 400),
        ("GET", "*", {}, 400),
        ("PUT", "/", {}, 405),
        ("OPTIONS", "/api/order", {}, 405),
        ("POST", "/api/order", {"Content-Length": "12"}, 200),
        ("POST", "/api/order", {"Content-Length": "65536"}, 200),
        ("POST", "/api/order", {"Content-Length": "65537"}, 413),
        ("POST", "/api/order", {"Content-Length": "9" * 30}, 413),
        ("POST", "/api/order", {}, 411),
        ("POST", "/api/order", {"Content-Length": "-1"}, 400),
        ("POST", "/api/order", {"Content-Length": "²"}, 400),
        ("POST", "/api/order", {"Content-Length": ["2", "3"]}, 411),
        ("POST", "/api/order", {"Content-Length": "2", "Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_the_door_opens_for_the_own_page_only(method: str, target: str, change: dict[str, Any], expected: int) -> None:
    headers: dict[str, Any] = {**KEY, **change}
    pairs = [(k, one) for k, v in headers.items() if v is not None for one in (v if isinstance(v, list) else [v])]
    assert status(method, target, pairs) == expected


def test_files_are_those_of_a_table_and_each_answer_has_its_guards(lab: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", lab.server.server_port)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.status == 200 and b"<h1>minigan" in answer.read()
    assert "default-src 'none'" in (answer.headers["Content-Security-Policy"] or "")
    assert answer.headers["Cache-Control"] == "no-store"
    connection.close()
    assert lab("/lab.js")[0] == 200 and lab("/")[1].find(lab.server.secret.encode()) < 0
    for path in ("/../command.py", "/%2e%2e/command.py", "/page.html", "/lab.js/", "/api/files", "/favicon.ico"):
        assert lab(path)[0] == 404, path
    assert lab("/api/hello", X_Lab_Token="x")[0] == 403
    assert lab("/api/hello", Host="evil.example")[0] == 421


def test_the_page_fetches_nothing_from_elsewhere_and_runs_no_text() -> None:
    pages = [path for path in (ROOT / "minigan/lab/page").iterdir() if path.suffix in (".js", ".html", ".css")]
    assert len(pages) > 8
    for path in pages:
        text = path.read_text(encoding="utf-8")
        found = [word for word in ("innerHTML", "eval(", "http:", "https:", "Function(", "style=") if word in text]
        assert found == [], path.name
    assert sum(path.stat().st_size for path in pages if path.suffix == ".js") < 2**16


def test_orders_are_carried_out_and_frames_show_it(lab: Client) -> None:
    hello = json.loads(lab("/api/hello")[1])
    assert len(hello["objectives"]) >= 27 and hello["lessons"][0]["question"]
    scene = unpack(lab("/api/scene")[1])[0]
    first = lab.frame()
    assert first["step"] == 0 and not first["playing"] and first["scene"] == scene["number"] == 1
    assert first["arrays"]["heat"].shape == (40, 40)
    assert lab.frame(first["number"])["arrays"]["heat"].shape == (100, 100)  # as soon as nothing changes
    lab.order(do="step")
    lab.order(do="d")
    then = first
    while then["part"] != 1:
        then = lab.frame(then["number"])
    assert then["step"] == 1 and then["readings"]["d_loss"] > 0
    lab.order(do="play")
    while (now := lab.frame(then["number"]))["step"] < 5:
        then = now
    assert now["playing"] and now["arrays"]["heat"].shape == (40, 40)
    lab.order(do="pause")
    lab.order(do="set", name="d_lr", value=0.01)
    preset = json.loads(lab("/api/preset")[1])
    moves = Preset.load(preset["text"]).moves
    assert [move[2:] for move in moves] == [["d"], ["set", "d_lr", 0.01]] and lab.server.secret not in str(preset)
    status, answer = lab.order(do="draw", strokes=[[80, 100, 900, 900, 900]])
    assert status == 200 and answer["scene"] == 2
    while now["scene"] == 1:
        now = lab.frame(now["number"])
    assert now["reach"].keys() == {"share", "good"}
    assert lab.order(do="slow")[1]["events"][0]["title"] and lab("/api/slow/2")[0] == 200
    assert lab.order(do="at", x=0.0, y=2.3)[1]["opinion"] > 0


@pytest.mark.parametrize(
    ("values", "status", "words"),
    [
        ({"do": "fly"}, 422, "an order must be one of"),
        ({"do": "set", "name": "d_lr", "value": "NaN"}, 422, "d_lr must be a number"),
        (b'{"do": "set", "name": "d_lr", "value": NaN}', 422, "d_lr must be a number from 0 to 1, got nan"),
        ({"do": "set", "name": "batch_size", "value": 0}, 422, "batch_size must be a whole number from 8"),
        ({"do": "set", "name": "hyper", "value": {"weight": 3}}, 422, "nonsaturating has no hyper-parameter weight"),
        ({"do": "draw", "strokes": [[4, 1, 1]]}, 422, "draw a little more"),
        ({"do": "draw", "strokes": "x"}, 422, "must be a list of strokes"),
        ({"do": "new", "preset": {"lab": 9}}, 422, "lab 9: this minigan reads"),
        ({"do": "go", "step": 10**6}, 422, "go to a step from 0 to 0"),
        ({"do": "at", "x": "y", "y": 0}, 422, "a place must be two numbers"),
        ({"do": "speed", "value": -1}, 422, "speed must be steps per second"),
        (b"not json", 422, "Expecting value"),
        (b"[" * 60_000, 422, "recursion"),
        (b" " * 70_000, 413, "64 kB"),
    ],
)
def test_a_wrong_order_is_refused_with_the_reason_and_the_session_continues(
    lab: Client, values: Any, status: int, words: str
) -> None:
    answered, body = lab("/api/order", values)
    assert answered == status and words in json.loads(body)["error"]
    assert lab.order(do="step")[0] == 200 and lab.frame()["step"] == 1


def test_going_back_asks_before_it_forgets_the_future(lab: Client) -> None:
    for _ in range(4):
        lab.order(do="step")
    assert lab.order(do="go", step=2)[0] == 200
    frame = lab.frame()
    while frame["step"] != 2 or frame["playing"]:
        frame = lab.frame(frame["number"])
    assert frame["reached"] == 4
    assert lab.order(do="set", name="d_lr", value=0.5) == (409, {"error": "cut"})
    assert lab.order(do="set", name="d_lr", value=0.5, cut=True)[0] == 200
    assert lab.frame(frame["number"])["reached"] == 2


def test_a_ticket_is_good_once(lab: Client) -> None:
    ticket = lab.server.ticket_address.partition("#k=")[2]
    status, body = lab("/api/enter", {"ticket": ticket}, X_Lab_Token="")
    assert status == 200 and json.loads(body)["secret"] == lab.server.secret
    assert lab("/api/enter", {"ticket": ticket}, X_Lab_Token="")[0] == 403
    assert lab("/api/enter", {"ticket": ""}, X_Lab_Token="")[0] == 403


def test_clients_that_vanish_or_never_read_stop_nobody(lab: Client, capfd: pytest.CaptureFixture[str]) -> None:
    lab.order(do="play")
    port, secret = lab.server.server_port, lab.server.secret
    lines = f"GET /api/frame?after=0 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Lab-Token: {secret}\r\n\r\n".encode()
    kept = []
    for number in range(6):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(lines[: len(lines) // 2] if number % 3 == 0 else lines)
        if number % 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        else:
            kept.append(client)
    first = now = lab.frame()
    while now["step"] < first["step"] + 20:
        now = lab.frame(now["number"])
    assert now["playing"]
    for client in kept:
        client.close()
    assert capfd.readouterr().err == ""


def test_many_orders_from_several_threads_leave_no_error_and_no_deadlock(lab: Client) -> None:
    orders: list[dict[str, Any]] = [{"do": "play"}, {"do": "pause"}, {"do": "step"}, {"do": "d"}, {"do": "g"}]
    orders += [{"do": "set", "name": "g_lr", "value": 0.001, "cut": True}, {"do": "speed", "value": 50}]
    orders += [{"do": "again"}, {"do": "slow"}, {"do": "go", "step": 0}, {"do": "at", "x": 0, "y": 0}]
    answers: list[int] = []

    def send(start: int) -> None:
        for number in range(12):
            answers.append(lab.order(**orders[(start + 5 * number) % len(orders)])[0])

    threads = [threading.Thread(target=send, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 48 and set(answers) <= {200, 409}
    assert lab.frame()["failed"] == ""


def test_a_bug_in_a_step_pauses_and_is_shown(lab: Client) -> None:
    def broken(session: Session) -> None:
        def raise_(play: Any = None) -> None:
            raise MemoryError("no room")

        session.plane.whole = raise_  # type: ignore[method-assign]
        session.playing = True

    lab.server.player.order(broken)
    frame = lab.frame()
    while not frame["halted"]:
        frame = lab.frame(frame["number"])
    assert "MemoryError: no room" in frame["halted"] and not frame["playing"]
    assert lab.order(do="again")[0] == 200 and lab.order(do="step")[0] == 200


def test_it_pauses_where_nobody_looks() -> None:
    session = Session(Preset.read({"lab": 1, "choices": SMALL}))
    player = Player(session, idle=0.2)
    player.start()
    player.order(order_of({"do": "play"}))
    end = time.monotonic() + 20
    while session.playing and time.monotonic() < end:
        time.sleep(0.05)
    assert session.halted == f"Paused at step {session.plane.step:,}: nobody was looking."
    player.stop()
    player.join(10)


def test_too_many_orders_are_refused_and_a_closed_lab_answers_all_that_wait() -> None:
    player = Player(Session(Preset.read({"lab": 1, "choices": SMALL})))  # not started: nothing is carried out
    results: list[str] = []

    def wait() -> None:
        try:
            player.order(lambda session: None, timeout=20)
        except RuntimeError as error:
            results.append(str(error))

    threads = [threading.Thread(target=wait) for _ in range(64)]
    for thread in threads:
        thread.start()
    while player._orders.qsize() < 64:
        time.sleep(0.01)
    with pytest.raises(Busy):
        player.order(lambda session: None)
    player.stop()
    player.run()
    for thread in threads:
        thread.join(10)
    assert results == ["The lab has been closed."] * 64


def test_the_server_never_touches_the_session() -> None:
    for name in ("server.py", "routes.py", "serving.py"):
        tree = ast.parse((ROOT / "minigan/lab" / name).read_text(encoding="utf-8"))
        touched = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not touched & {"plane", "view", "history", "_session"}, name


def test_a_port_that_is_taken_is_named_and_another_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(Session(Preset.read({"lab": 1, "choices": SMALL})))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"port {port} is taken: leave out --port"):
            bound(lambda number: Server(player, Explorers([]), number), port)
        monkeypatch.setattr("minigan.lab.serving.PORT", port)
        server = bound(lambda number: Server(player, Explorers([]), number), None)
        assert server.server_port != port
        server.server_close()


def test_the_command_ends_well_at_whatever_moment_it_is_stopped() -> None:
    command = [sys.executable, "-m", "minigan", "lab", "--no-browser", "--port", "0"]
    for pause, number in ((0.0, signal.SIGINT), (0.3, signal.SIGTERM)):
        lab = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        assert lab.stdout is not None
        first = lab.stdout.readline()
        time.sleep(pause)
        lab.send_signal(number)
        out, err = lab.communicate(timeout=30)
        assert (lab.returncode, err) == (0, "") and out.endswith("closed\n")
        assert first.startswith("minigan lab: http://127.0.0.1:") and "/#t=" in first


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "missing.json"], "missing.json"),
        (["--preset", "p1.AAAA"], "the text of the link is damaged"),
        (["--data", "mars"], "data.name must be one of ring"),
        (["--preset", "x.json", "--seed", "1"], "leave out those flags"),
        (["--port", "99999"], "--port must be from 0 to 65535"),
    ],
)
def test_a_wrong_command_is_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    from minigan.cli import main

    with pytest.raises(SystemExit) as left:
        main(["lab", *arguments])
    assert left.value.code == 2 and words in capsys.readouterr().err

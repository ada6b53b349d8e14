"""The service on a real port: rows in, answers out; bad requests are refused, one by one, and nothing else suffers."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pytest

from diabolo import Autoencoder
from diabolo.deploy.service.app import Service
from diabolo.deploy.service.hour import Hour
from diabolo.deploy.service.run import bound, server_of
from diabolo.deploy.service.settings import Settings
from diabolo.deploy.service.shelf import Shelf
from diabolo.errors import ArgumentError, FileError

Answer = tuple[int, Any]


def table(count: int) -> pl.DataFrame:
    g = np.random.default_rng(0)
    return pl.DataFrame(
        {"amount": np.round(np.exp(g.normal(3, 1, count)), 2), "city": g.choice(["Lima", "Quito"], count)}
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("serve") / "shop.safetensors"
    Autoencoder("table", latent=2, epochs=1, validation=0.4).fit(table(300)).save(found)
    return found


@dataclass
class Client:
    """A client of a service that runs in a thread of this process."""

    service: Service
    port: int

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Return the status and the body of an answer. body: JSON, or bytes as they are."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(
            method, path, content, kind | {name.replace("_", "-"): text for name, text in headers.items()}
        )
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        self.headers = answer.headers
        return answer.status, json.loads(text) if "json" in answer.headers["Content-Type"] else text.decode()


@contextmanager
def running(*models: Path, **settings: Any) -> Iterator[Client]:
    told = Settings(port=0, look_again=0.05, **settings)
    service = Service(Shelf(models), told, lambda _: None)
    listening, server = bound(told), server_of(service)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not service.ready:
            time.sleep(0.01)
        yield Client(service, listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture(scope="module")
def client(path: Path) -> Iterator[Client]:
    with running(path, most_bytes=100_000, most_rows=500) as found:
        yield found


ROW = {"amount": 20.0, "city": "Lima"}


def test_a_row_has_its_score_and_reasons(client: Client) -> None:
    status, found = client.ask("POST", "/score", {"rows": [ROW, {**ROW, "amount": 1e7}]})
    assert status == 200
    assert [row["row"] for row in found["rows"]] == [0, 1]
    assert found["rows"][1]["alert"]
    assert found["rows"][1]["reasons"][0]["column"] == "amount"
    assert found["rows"][1]["reasons"][0]["value"] == 1e7
    direct = client.service.shelf.models["shop"].model.score([ROW]).answers[0]
    assert (found["rows"][0]["score"], found["rows"][0]["p_value"]) == (direct.score, direct.p_value)
    assert client.ask("POST", "/models/shop/score", {"rows": [[20.0, "Lima"]], "reasons": False})[1]["rows"] == [
        {"row": 0, "score": direct.score, "p_value": direct.p_value, "alert": direct.alert, "reasons": []}
    ]


def test_a_bad_row_is_named_and_the_others_are_scored(client: Client) -> None:
    status, found = client.ask("POST", "/score", {"rows": [ROW, {**ROW, "amount": "a lot"}, ROW]})
    assert status == 422
    assert [row["row"] for row in found["rows"]] == [0, 2]
    (bad,) = found["refused"]
    assert (bad["row"], bad["column"], bad["value"]) == (1, "amount", "a lot")


@pytest.mark.parametrize(
    ("method", "where", "body", "status", "words"),
    [
        ("POST", "/score", b"{", 400, "no JSON"),
        ("POST", "/score", b'{"rows": [{"amount": NaN}]}', 400, "null is a gap"),
        ("POST", "/score", b"[" * 50_000, 400, "no JSON"),
        ("POST", "/score", b'{"rows": [{"amount": 1, "city": "\\ud800"}]}', 400, "half a character"),
        ("POST", "/score", b'{"rows": [{"amount": 1, "city": "\xed\xa0\x80"}]}', 400, "no JSON"),
        ("POST", "/score", '{"rows": []}'.encode("utf-16"), 400, "no JSON"),
        ("POST", "/score", {"rows": []}, 400, "must be"),
        ("POST", "/score", {"rows": ["text"]}, 400, "must be"),
        ("POST", "/score", {"rows": [ROW], "other": 1}, 400, "nothing else"),
        ("POST", "/score", [1], 400, "JSON object"),
        ("POST", "/score", b" " * 100_001, 413, "at most 100,000"),
        ("POST", "/score", {"rows": [[1]] * 501}, 413, "at most 500"),
        ("POST", "/models/none/score", {"rows": [ROW]}, 404, "there are shop"),
        ("GET", "/nothing", None, 404, "not served"),
        ("GET", "/score", None, 405, "not served"),
        ("POST", "/v2/models/shop/infer", {"inputs": []}, 400, "tensors"),
        ("POST", "/v2/models/shop/infer", {"inputs": [{"name": "amount"}]}, 400, "datatype"),
    ],
)
def test_a_bad_request_is_refused(client: Client, method: str, where: str, body: Any, status: int, words: str) -> None:
    found = client.ask(method, where, body)
    assert found[0] == status
    assert words in found[1]["error"]


def test_a_form_of_another_page_cannot_ask(client: Client) -> None:
    assert client.ask("POST", "/score", {"rows": [ROW]}, Content_Type="text/plain")[0] == 415


def test_a_body_without_a_length_is_bounded_too(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as raw:
        raw.sendall(b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
        raw.sendall(b"Transfer-Encoding: chunked\r\n\r\n" + b"c350\r\n" + b" " * 50_000 + b"\r\n")
        raw.sendall(b"c350\r\n" + b" " * 50_000 + b"\r\n" + b"1\r\n \r\n")
        assert b" 413 " in raw.recv(100)


def test_the_open_inference_protocol(client: Client) -> None:
    about = client.ask("GET", "/v2/models/shop")[1]
    assert [(each["name"], each["datatype"]) for each in about["inputs"]] == [("amount", "FP64"), ("city", "BYTES")]
    inputs = [
        {"name": "amount", "shape": [2], "datatype": "FP64", "data": [20.0, 1e7]},
        {"name": "city", "shape": [2, 1], "datatype": "BYTES", "data": [["Lima"], ["Lima"]]},
    ]
    status, found = client.ask(
        "POST", "/v2/models/shop/infer", {"id": "7", "inputs": inputs, "parameters": {"reasons": True}}
    )
    assert status == 200
    own = client.ask("POST", "/score", {"rows": [ROW, {**ROW, "amount": 1e7}]})[1]["rows"]
    named = {each["name"]: each["data"] for each in found["outputs"]}
    assert named["score"] == [row["score"] for row in own]
    assert named["alert"] == [row["alert"] for row in own]
    assert json.loads(named["reasons"][1]) == own[1]["reasons"]
    assert found["id"] == "7"
    inputs[0]["data"] = [20.0, "much"]
    assert client.ask("POST", "/v2/models/shop/infer", {"inputs": inputs})[0] == 422
    inputs[0]["data"] = [20.0]
    assert client.ask("POST", "/v2/models/shop/infer", {"inputs": inputs})[0] == 400
    assert client.ask("GET", "/v2/health/ready") == (200, {"ready": True})
    assert client.ask("GET", "/v2/models/shop/ready")[0] == 200


def test_the_example_of_the_description_runs(client: Client) -> None:
    description = client.ask("GET", "/openapi.json")[1]
    for path in ("/score", "/models/shop/score"):
        body = description["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert client.ask("POST", path, body)[0] == 200
    assert "shop" in client.ask("GET", "/")[1]


def test_requests_alerts_and_drift_are_counted(client: Client) -> None:
    rows = [{"amount": 900.0 + number, "city": "Lima"} for number in range(150)]
    assert client.ask("POST", "/score", {"rows": rows})[0] == 200
    lines = dict(line.rsplit(" ", 1) for line in client.ask("GET", "/metrics")[1].splitlines() if line[0] != "#")
    assert float(lines['diabolo_rows_total{model="shop",result="scored"}']) >= 150
    assert float(lines['diabolo_drift{column="amount",model="shop"}']) > 0.5
    assert float(lines['diabolo_requests_total{path="/score",status="200"}']) >= 1
    assert float(lines['diabolo_alerts_total{model="shop"}']) >= 1


def test_a_token_is_asked_for(path: Path) -> None:
    with running(path, token="secret") as client:
        assert client.ask("POST", "/score", {"rows": [ROW]})[0] == 401
        assert client.ask("POST", "/score", {"rows": [ROW]}, Authorization="Bearer wrong")[0] == 401
        assert client.ask("POST", "/score", {"rows": [ROW]}, Authorization="Bearer secret")[0] == 200
        assert client.ask("GET", "/health") == (200, {"live": True})
        model = client.service.shelf.models["shop"].model
        for where in ("/", "/openapi.json"):  # free of the token, and so without a row of the training data
            status, shown = client.ask("GET", where)
            assert status == 200
            assert "amount" in str(shown)
            assert str(model.example()["amount"]) not in str(shown)
    with running(path, token="señal") as client:
        assert (
            client.ask("POST", "/score", {"rows": [ROW]}, Authorization="Bearer señal".encode().decode("latin-1"))[0]
            == 200
        )
    with pytest.raises(ArgumentError, match="DIABOLO_TOKEN"):
        Settings(host="0.0.0.0")


def test_too_many_requests_are_told_to_wait_and_slow_ones_are_ended(path: Path) -> None:
    with running(path, waiting=1, seconds=0.5) as client:
        with socket.create_connection(("127.0.0.1", client.port), timeout=20) as slow:
            slow.sendall(
                b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
            )
            while not client.service.door.inside:
                time.sleep(0.01)
            assert client.ask("POST", "/score", {"rows": [ROW]})[0] == 429
            assert client.headers["Retry-After"] == "1"
            assert client.ask("GET", "/health")[0] == 200
            assert b" 503 " in slow.recv(100)
        assert client.ask("POST", "/score", {"rows": [ROW]})[0] == 200


def test_a_new_model_file_is_taken_up_without_a_failed_request(path: Path, tmp_path: Path) -> None:
    place = tmp_path / "shop.safetensors"
    shutil.copy(path, place)
    Autoencoder("table", latent=1, epochs=1, validation=0.4).fit(table(300)).save(tmp_path / "next")
    with running(place) as client:
        first = client.ask("POST", "/score", {"rows": [ROW]})[1]["version"]
        (tmp_path / "broken").write_bytes(b"no model")
        (tmp_path / "broken").replace(place)
        statuses, versions, end = set(), {first}, time.monotonic() + 15
        while first in client.service.shelf.models["shop"].version and time.monotonic() < end:
            if client.service.shelf.failed and (tmp_path / "next").exists():
                (tmp_path / "next").replace(place)
            status, found = client.ask("POST", "/score", {"rows": [ROW]})
            statuses.add(status)
            versions.add(found["version"])
        assert statuses == {200}
        assert not client.service.shelf.failed
        assert client.ask("POST", "/score", {"rows": [ROW]})[1]["version"] != first


def test_a_file_that_comes_back_or_fails_in_any_way_leaves_the_model_at_work(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "shop.safetensors"
    shutil.copy(path, place)
    shelf = Shelf([place])
    place.rename(tmp_path / "away")
    assert "earlier model stays" in shelf.refresh()[0]
    assert "shop" in shelf.failed
    (tmp_path / "away").rename(place)
    assert shelf.refresh() == []
    assert not shelf.failed
    monkeypatch.setattr(Shelf, "_opened", lambda *_: [][0])
    place.touch()
    assert "earlier model stays" in shelf.refresh()[0]
    assert shelf.refresh() == []
    assert shelf.models["shop"].model.score([ROW]).answers


def test_the_threshold_is_none_where_nothing_can_be_an_alert(path: Path) -> None:
    few, usual = (Shelf([path], false_alarms=rate).models["shop"].model for rate in (0.0001, 0.1))
    assert few.threshold is None
    assert not few.score([{**ROW, "amount": 1e7}]).answers[0].alert
    rows = [{**ROW, "amount": float(amount)} for amount in range(1, 200)]
    least = usual.threshold
    assert least is not None
    alerts = [answer.alert for answer in usual.score(rows).answers]
    assert alerts == [answer.score >= least for answer in usual.score(rows).answers]
    assert any(alerts)


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_finishes_what_is_in_work(path: Path, workers: int) -> None:
    """One of two workers that is killed is replaced; the two count together."""
    program = [sys.executable, "-m", "diabolo", "serve", str(path), "--port", "0", "--workers", str(workers)]
    environment = {name: text for name, text in os.environ.items() if name != "DIABOLO_TOKEN"}
    with subprocess.Popen(program, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            port = int(process.stderr.readline().split("http://127.0.0.1:")[1].split(",")[0])
            if workers > 1:
                _kill_one(process.pid, port)
            with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
                body = json.dumps({"rows": [ROW]}).encode()
                head = (
                    f"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
                )
                raw.sendall(head.encode() + b"\r\n\r\n" + body[:5])
                time.sleep(0.3)
                process.send_signal(signal.SIGTERM)
                time.sleep(0.3)
                raw.sendall(body[5:])
                assert b" 200 " in raw.recv(100)
            assert "Stopped" in process.stderr.read()
            assert process.wait(20) == 0
        finally:
            process.terminate()


def _kill_one(parent: int, port: int) -> None:
    """Ask some rows, kill a worker, wait for another, and ask again: nothing is lost of what was counted."""
    own = psutil.Process(parent)
    while len(first := own.children()) < 2:
        time.sleep(0.05)
    for count in (4, 8):
        for _ in range(4):
            with urllib.request.urlopen(_asked(port), timeout=20) as answer:
                assert answer.status == 200
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            assert f'diabolo_rows_total{{model="shop",result="scored"}} {count}.0' in answer.read().decode()
        if count == 4:
            first[0].kill()
        while len(own.children()) < 2 or first[0] in own.children():
            time.sleep(0.05)


def _asked(port: int) -> urllib.request.Request:
    body, kind = json.dumps({"rows": [ROW]}).encode(), {"Content-Type": "application/json", "Connection": "close"}
    return urllib.request.Request(f"http://127.0.0.1:{port}/score", body, kind)


def test_a_port_that_is_taken_is_refused(path: Path) -> None:
    with running(path) as client, pytest.raises(ArgumentError, match="choose another --port"):
        bound(Settings(port=client.port))


def test_models_that_cannot_be_served_are_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="There is no model file"):
        Shelf([tmp_path / "none.safetensors"])
    shutil.copy(path, tmp_path / path.name)
    with pytest.raises(ArgumentError, match="rename one"):
        Shelf([path, tmp_path / path.name])


def test_drift_is_of_the_last_hour_only() -> None:
    now = [0.0]
    references = np.random.default_rng(0).normal(size=(2000, 2)).astype(np.float32)
    hour = Hour(references, lambda: now[0])
    hour.add(references[:500] + np.array([0, 3], np.float32))
    rows, distances = hour.drift()
    assert rows == 500
    assert distances[0] < 0.1 < 0.7 < distances[1]
    now[0] = 61 * 60.0
    assert hour.drift()[0] == 0
    hour.add(references[:50])
    assert hour.drift()[0] == 50
    np.testing.assert_array_equal(hour.drift()[1], 0)


def test_small_answers_are_sent_at_once() -> None:
    with bound(Settings(port=0)) as listening:
        assert listening.proto == socket.IPPROTO_TCP  # asyncio sets TCP_NODELAY for no other

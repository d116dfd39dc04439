"""What no HTTP library sends: raw bytes at the real binary."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from conftest import Server, create_key


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with short times and few places."""
    folder = tmp_path_factory.mktemp("strict") / "data"
    key = create_key(folder, "admin", "--role", "admin")
    server = Server(folder, "serve", "--head-timeout", "2", "--body-timeout", "2", "--max-connections", "20")
    server.key = key["EVERSTEP_API_KEY"]
    try:
        yield server
    finally:
        server.end()


def statuses(heard: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", heard)]


def trickle(server: Server, first: bytes, rest: bytes, pause: float = 0.5, seconds: float = 20) -> tuple[float, bytes]:
    """Sends `first`, then a byte at a time; gives how long the server bore it and what it said."""
    began, heard = time.monotonic(), b""
    with socket.create_connection(server.address, timeout=pause) as connection:
        connection.sendall(first)
        for byte in rest:
            if time.monotonic() - began > seconds:
                break
            try:
                connection.sendall(bytes([byte]))
                piece = connection.recv(65536)
                if not piece:
                    break
                heard += piece
            except TimeoutError:
                continue
            except OSError:
                break
        return time.monotonic() - began, heard


def test_a_head_that_comes_byte_by_byte_is_cut(strict: Server) -> None:
    took, _ = trickle(strict, b"GET /health HTTP/1.1\r\nHost: a\r\n", b"X-Slow: " + b"x" * 200)
    assert took < 8


def test_a_body_that_comes_byte_by_byte_is_cut(strict: Server) -> None:
    head = f"POST /functions/f/start HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {strict.key}\r\nContent-Length: 200\r\n\r\n"
    took, heard = trickle(strict, head.encode(), b"x" * 200)
    assert took < 8
    assert statuses(heard) == [408]
    assert b"E0121" in heard


def test_an_artifact_that_comes_byte_by_byte_is_cut_though_no_piece_is_late(strict: Server) -> None:
    head = f"PUT /artifacts/a/b HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {strict.key}\r\nContent-Length: 2000\r\n\r\n"
    took, heard = trickle(strict, head.encode(), b"x" * 2000)
    assert took < 8
    assert statuses(heard) == [408]


def test_an_idle_connection_is_closed(strict: Server) -> None:
    began = time.monotonic()
    heard = strict.say(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", 15)
    assert statuses(heard) == [200]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "shape",
    [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
        b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG",
        b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
        b"Content-Length: 3, 5\r\n\r\nabcde",
        b"Content-Length: +3\r\n\r\nabc",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length : 3\r\n\r\nabc",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        b"Host: b\r\nContent-Length: 0\r\n\r\n",
        b" Folded: yes\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_request_with_two_ends_is_refused_and_nothing_behind_it_is_read(strict: Server, shape: bytes) -> None:
    smuggled = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
    heard = strict.say(b"POST /callbacks HTTP/1.1\r\nHost: a\r\n" + shape + smuggled, 5)
    assert len(statuses(heard)) <= 1, heard
    assert all(status == 400 for status in statuses(heard)), heard
    if statuses(heard):
        assert b"connection: close" in heard.lower()
    if b"Host: b" in shape:
        assert b"E0187" in heard


def test_requests_in_one_breath_are_answered_in_order(strict: Server) -> None:
    one = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
    other = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert statuses(strict.say((one + other) * 100 + last, 20)) == [200, 401] * 100 + [200]


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health HTTP/1.1\r\nHost: a\r\nX-Large: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(500)) + b"\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_a_head_that_is_too_large_is_refused(strict: Server, head: bytes) -> None:
    heard = strict.say(head, 5)
    assert statuses(heard) in ([431], [414], [400], []), heard
    assert requests.get(f"{strict.url}/health", timeout=60).status_code == 200


@pytest.mark.parametrize("text", [b"\x00" * 100, b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\r\n" * 50_000])
def test_what_is_no_http_ends_the_connection_and_nothing_else(strict: Server, text: bytes) -> None:
    heard = strict.say(text, 5)
    assert all(status >= 400 for status in statuses(heard))
    assert requests.get(f"{strict.url}/health", timeout=60).status_code == 200


def test_a_body_that_is_too_long_is_refused_before_it_is_kept(strict: Server) -> None:
    answer = requests.post(
        f"{strict.url}/approvals", data=b"x" * (17 << 20), headers={"Authorization": f"Bearer {strict.key}"}, timeout=60
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "E0103")


def test_a_body_that_is_declared_too_long_is_refused_before_it_comes(strict: Server) -> None:
    head = f"POST /functions/x/start HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {strict.key}\r\nContent-Length: {1 << 40}\r\n\r\n"
    with socket.create_connection(strict.address, timeout=20) as connection:
        connection.sendall(head.encode())
        # Were the body waited for, the answer would be that it did not arrive in time.
        assert statuses(connection.recv(65536)) == [413]


def test_a_stranger_s_body_is_not_read(strict: Server) -> None:
    head = b"POST /functions/f/start HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"
    began = time.monotonic()
    heard = strict.say(head, 5)
    assert statuses(heard) == [401]
    assert time.monotonic() - began < 5


def test_connections_beyond_the_places_wait_until_one_is_free(strict: Server) -> None:
    idle = [socket.create_connection(strict.address, timeout=10) for _ in range(20)]
    try:
        # All places are taken by connections that say nothing; they are cut, and the next one has its turn.
        assert requests.get(f"{strict.url}/health", timeout=30).status_code == 200
    finally:
        for connection in idle:
            connection.close()

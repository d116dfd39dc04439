"""What is tried on callbacks, what nobody wanted, and what stands in no log."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conftest import Dev, everstep, until

MEGABYTE = 1 << 20


def post(dev: Dev, path: str, body: bytes | Iterator[bytes], size: int | None = None, **headers: str) -> tuple[int, dict]:
    """A request with the token where the caller puts it; its body may be a stream."""
    connection = http.client.HTTPConnection(urlsplit(dev.url).netloc, timeout=120)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if size is not None:
        sent["Content-Length"] = str(size)
    connection.request("POST", path, body=body, headers=sent)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def seed(dev: Dev, token: str, result: object) -> dict:
    body = json.dumps({"token": token, "status": "SUCCESS", "result": result}).encode()
    status, answer = post(dev, "/callbacks", body)
    assert status == 200, answer
    return answer


def callbacks(dev: Dev, execution: str) -> dict:
    return dev.good("-o", "json", "callbacks", execution).json()


def letters(dev: Dev, execution: str) -> list[dict]:
    return dev.good("-o", "json", "dead-letters", "list", "--execution", execution).json()["letters"]


def ended(dev: Dev, execution: str) -> dict:
    return until(lambda: (found := dev.describe(execution))["execution"]["status"] != "RUNNING" and found, f"{execution} ends")


def test_a_callback_is_answered_by_its_public_id(dev: Dev, waiting) -> None:
    execution, token = waiting()
    known = callbacks(dev, execution)["callbacks"]
    callback = known[0]["id"]
    assert token not in json.dumps(known)
    dev.good("callback", "progress", callback, "--percent", "40", "--message", "reading sources")
    line = next(line for line in dev.good("describe", execution).out.splitlines() if line.startswith("waits"))
    assert "for callback approval, since" in line and "40 %: reading sources" in line, line
    dev.good("callback", "progress", token, "--percent", "60")
    made = dev.good("callback", "token", callback, "--audience", "watcher", "--verb", "heartbeat").out.strip()
    status, _ = post(dev, f"/callbacks/{callback}/succeed", b"1", Authorization=f"Bearer {made}")
    assert status == 404
    dev.good("callback", "succeed", callback, "--result", '"done"')
    assert ended(dev, execution)["execution"]["status"] == "SUCCEEDED"
    attempts = callbacks(dev, execution)["attempts"]
    assert [(tried["verb"], tried["who"]) for tried in attempts] == [("note", "everstep"), ("note", None), ("succeed", "everstep")]
    table = dev.good("callbacks", execution).out
    assert "applied" in table and "127.0.0.1" in table and token not in table


def test_dead_letters_are_listed_shown_replayed_and_discarded(dev: Dev, waiting) -> None:
    first, token = waiting()
    seed(dev, token, "yes")
    assert seed(dev, token, "no")["conflict"] is True
    (letter,) = letters(dev, first)
    shown = dev.good("dead-letters", "show", letter["id"]).json()
    assert (shown["topic"], shown["payload"], shown["source"]["via"]) == ("callback.conflict", "no", "callbacks")
    assert letter["id"] in dev.good("dead-letters", "list", "--topic", "callback.").out
    refused = dev.run("dead-letters", "replay", letter["id"])
    assert refused.code == 4 and "E0192" in refused.err, refused
    second, _ = waiting()
    callback = callbacks(dev, second)["callbacks"][0]["id"]
    assert dev.good("dead-letters", "replay", letter["id"], "--to", callback).out.strip() == "applied"
    assert ended(dev, second)["result"] == '"no"'
    assert letters(dev, first) == []
    seed(dev, token, "never")
    (letter,) = letters(dev, first)
    dev.good("dead-letters", "discard", letter["id"])
    assert dev.run("dead-letters", "show", letter["id"]).code == 3


def test_no_token_stands_in_the_log(dev: Dev, waiting) -> None:
    """Every way to show a token, right and wrong, and the log of it all afterwards."""
    execution, token = waiting()
    callback = callbacks(dev, execution)["callbacks"][0]["id"]
    made = dev.good("callback", "token", callback, "--audience", "a").out.strip()
    for shown in (token, made, f"{made}x", token[:-4] + "AAAA"):
        for body in (b'{"broken', b"", b'"x"'):
            post(dev, f"/callbacks/{callback}/fail", body, Authorization=f"Bearer {shown}")
            post(dev, "/a2a/push/w-1", body, X_A2A_Notification_Token=shown)
        seed(dev, shown, 1)
        post(dev, "/callbacks", json.dumps({"token": shown, "status": "DONE"}).encode())
    log = dev.log.read_text()
    for event in ("callback_received", "callback_processing", "callback_completed", "validation_error", "parse_error", "workflow_id_missing"):
        assert f'"{event}"' in log, event
    assert token not in log and made not in log
    assert token[:40] not in log and made[:40] not in log


def peak_bytes(dev: Dev, name: str) -> int:
    line = next(line for line in Path(f"/proc/{dev.process.pid}/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize(("shape", "count"), [("native", 100), ("seeds", 64)])
def test_a_large_result_costs_no_memory(dev: Dev, waiting, shape: str, count: int) -> None:
    """100 MB in our own way; the seeds' way has its token behind the result, so that nothing says whose it is while it comes."""
    execution, token = waiting()
    piece = b"x" * MEGABYTE
    size = count * MEGABYTE + 2
    before = peak_bytes(dev, "VmRSS")
    Path(f"/proc/{dev.process.pid}/clear_refs").write_text("5")

    def result() -> Iterator[bytes]:
        yield b'"'
        for _ in range(count):
            yield piece
        yield b'"'

    if shape == "native":
        status, answer = post(dev, "/callbacks/self/succeed", result(), size, Authorization=f"Bearer {token}")
        assert (status, answer["outcome"]) == (200, "applied")
    else:
        head, tail = b'{"result": ', f', "status": "SUCCESS", "token": "{token}"}}'.encode()
        body = (part for parts in ([head], result(), [tail]) for part in parts)
        status, answer = post(dev, "/callbacks", body, size + len(head) + len(tail))
        assert status == 200 and "orphan" not in answer, answer
    grown = peak_bytes(dev, "VmHWM") - before
    assert grown < 40 * MEGABYTE, f"{grown / MEGABYTE:.1f} MB more for a result of {count} MB"
    reference = json.loads(ended(dev, execution)["result"])
    if isinstance(reference, str):
        reference = json.loads(reference)
    assert (reference["artifact_type"], reference["size_bytes"]) == ("s3_reference", size)


def test_settings_that_are_wrong_are_named(tmp_path: Path) -> None:
    """E0190: the file, the section and the member are told, at the start."""
    file = tmp_path / "settings.toml"
    for text, part in (
        ("[callbakcs]\n", "callbakcs"),
        ("[callbacks]\njson_depth = 3\n", "json_depth"),
        ("[callbacks]\nwebhook_keys = [{ env = 'NOT_SET_ANYWHERE' }]\n", "NOT_SET_ANYWHERE"),
    ):
        file.write_text(text)
        refused = everstep("dev", "--no-demo", "--listen", "127.0.0.1:0", "--config", str(file), folder=tmp_path)
        assert refused.code == 6 and "E0190" in refused.err and part in refused.err and "settings.toml" in refused.err, refused

"""What the credentials of a worker are good for, with the operator's keys and without any."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from conftest import Guarded, Server, until


@pytest.fixture(params=["guarded", "dev"])
def server(request: pytest.FixtureRequest) -> Server:
    return request.getfixturevalue(request.param)


def admin(server: Server, service: str = "lambda") -> Any:
    return server.client(service, key=server.keys["admin"] if isinstance(server, Guarded) else None)


def test_a_worker_extends_its_own_execution_and_no_other(server: Server) -> None:
    client = admin(server)
    first = client.invoke(FunctionName="durable", Qualifier="$LATEST", Payload='{"other":"none","token":"none"}')
    other = first["DurableExecutionArn"]
    # A token of the other execution's own form: it is refused for whose it is, before anybody looks at the token.
    event = json.dumps({"other": other, "token": "AAAA"})
    answer = client.invoke(FunctionName="durable", Qualifier="$LATEST", Payload=event)
    found = json.loads(answer["Payload"].read())
    assert found == {
        "checkpoint": "AccessDeniedException",
        "state": "AccessDeniedException",
        "read": "OK",
        "change": "AccessDeniedException",
        "wrong": "InvalidSignatureException",
    }
    assert client.get_durable_execution(DurableExecutionArn=answer["DurableExecutionArn"])["Status"] == "SUCCEEDED"


def test_a_plain_function_keeps_artifacts_and_sees_nothing_of_the_server(server: Server) -> None:
    found = json.loads(admin(server).invoke(FunctionName="secrets", Payload="{}")["Payload"].read())
    assert found.pop("key").startswith("EVWK")
    assert found.pop("secret") is None
    assert set(found.pop("names")) <= {"EVERSTEP_URL", "EVERSTEP_WORKER_TOKEN"}
    assert found == {"put": 201, "get": 200, "put_without": 401, "agents": 403}


def test_the_keys_of_a_worker_that_has_ended_open_nothing(server: Server) -> None:
    client = admin(server)
    found = json.loads(client.invoke(FunctionName="secrets", Payload='{"show":true}')["Payload"].read())
    key = {"AWS_ACCESS_KEY_ID": found["key"], "AWS_SECRET_ACCESS_KEY": found["secret"]}
    worker = server.client(key=key)
    assert worker.list_functions()["Functions"]
    # The process ends in the middle of a call; the next one is another's.
    client.invoke(FunctionName="secrets", Payload='{"die":true}')

    def over() -> str | None:
        try:
            worker.list_functions()
        except worker.exceptions.ClientError as error:
            return error.response["Error"]["Code"]
        return None

    assert until(over, "the worker has ended") == "ExpiredTokenException"


def test_without_keys_everybody_on_the_machine_is_let_in_but_not_to_artifacts(dev: Server) -> None:
    assert dev.client().list_functions()["Functions"]
    assert requests.get(f"{dev.url}/executions", timeout=60).status_code == 200
    assert requests.get(f"{dev.url}/executions", headers={"Authorization": "Basic dTpw"}, timeout=60).status_code == 200
    assert requests.get(f"{dev.url}/artifacts/door", timeout=60).status_code == 401
    path = dev.folder / "key"
    assert path.stat().st_mode & 0o777 == 0o600
    local = {"Authorization": f"Bearer {path.read_text().strip()}"}
    assert requests.put(f"{dev.url}/artifacts/door/x", data=b"1", headers=local, timeout=60).status_code == 201
    assert requests.get(f"{dev.url}/artifacts/door", headers=local, timeout=60).status_code == 200


def test_without_keys_no_page_of_another_site_is_let_in(dev: Server) -> None:
    """Neither a page that sends requests here, nor one whose own name was made to lead here."""
    start = f"{dev.url}/functions/durable/start"
    for headers in ({"Origin": "https://example.org"}, {"Host": "rebound.example.org"}):
        answer = requests.post(start, data="{}", headers={**headers, "Content-Type": "text/plain"}, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (403, "E0186"), headers
        assert requests.get(f"{dev.url}/2015-03-31/functions", headers=headers, timeout=60).headers["x-amzn-errortype"] == "AccessDeniedException"
    for headers in ({"Origin": "http://localhost:3000"}, {"Host": "host.docker.internal"}):
        assert requests.get(f"{dev.url}/executions", headers=headers, timeout=60).status_code == 200, headers

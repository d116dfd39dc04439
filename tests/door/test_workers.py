"""What the credentials of a worker are good for, with the operator's keys and without any."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import requests
from conftest import Guarded, Server, code, until


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
    assert found.pop("token") is None
    assert set(found.pop("names")) <= {"EVERSTEP_URL", "EVERSTEP_WORKER_TOKEN"}
    assert found == {"put": 201, "get": 200, "put_without": 401, "agents": 403}


def headers_of(server: Server, role: str) -> dict[str, str]:
    """For our own API; nothing at an open door."""
    return {"Authorization": f"Bearer {server.keys[role]['EVERSTEP_API_KEY']}"} if isinstance(server, Guarded) else {}


def shown_to(client: Any) -> list[dict[str, Any]]:
    """A function's configuration in every answer that holds it."""
    listed = [one for one in client.list_functions()["Functions"] if one["FunctionName"] == "secrets"]
    return [
        client.get_function(FunctionName="secrets")["Configuration"],
        client.get_function_configuration(FunctionName="secrets"),
        *client.list_versions_by_function(FunctionName="secrets")["Versions"],
        *listed,
    ]


def sees_nothing(client: Any) -> None:
    shown = shown_to(client)
    assert len(shown) == 4
    for one in shown:
        assert "Variables" not in one["Environment"]
        assert one["Environment"]["Error"]["ErrorCode"] == "AccessDeniedException"
    assert "Location" not in client.get_function(FunctionName="secrets")["Code"]
    assert "Location" not in client.get_layer_version(LayerName="door", VersionNumber=1)["Content"]


def touch_code(server: Server, headers: dict[str, str], path: str) -> dict[str, int]:
    """Asks for the code of functions, and tries to replace it, as if it were any artifact."""
    bucket, key = path.split("/")
    url = f"{server.url}/artifacts"
    link = {"bucket": bucket, "key": key, "expires_seconds": 60}
    return {
        "get": requests.get(f"{url}/{path}", headers=headers, timeout=60).status_code,
        "list": requests.get(f"{url}/{bucket}", headers=headers, timeout=60).status_code,
        "link": requests.post(f"{server.url}/artifact-links", json=link, headers=headers, timeout=60).status_code,
        "put": requests.put(f"{url}/{path}", data=b"", headers={**headers, "If-None-Match": "*"}, timeout=60).status_code,
        "delete": requests.delete(f"{url}/{bucket}/nothing", headers=headers, timeout=60).status_code,
    }


def test_workers_and_operators_see_neither_variables_nor_code_of_functions(server: Server) -> None:
    client = admin(server)
    client.publish_layer_version(LayerName="door", Content={"ZipFile": code()})
    assert all(one["Environment"]["Variables"]["PYTHONPATH"] for one in shown_to(client))
    assert "Location" in client.get_layer_version(LayerName="door", VersionNumber=1)["Content"]
    assert requests.get(client.get_function(FunctionName="secrets")["Code"]["Location"], timeout=60).status_code == 200
    digest = base64.b64decode(client.get_function(FunctionName="secrets")["Configuration"]["CodeSha256"]).hex()
    refused = dict.fromkeys(("get", "list", "link", "put", "delete"), 403)
    worker = json.loads(client.invoke(FunctionName="secrets", Payload='{"show":true}')["Payload"].read())
    sees_nothing(server.client(key={"AWS_ACCESS_KEY_ID": worker["key"], "AWS_SECRET_ACCESS_KEY": worker["secret"]}))
    assert touch_code(server, {"Authorization": f"Bearer {worker['token']}"}, f"everstep-code/{digest}") == refused
    if isinstance(server, Guarded):
        for role in ("read", "operate"):
            sees_nothing(server.client(key=server.keys[role]))
        for role in ("operate", "agent"):
            assert touch_code(server, headers_of(server, role), f"everstep-code/{digest}") == refused
        found = touch_code(server, headers_of(server, "admin"), f"everstep-code/{digest}")
        assert found == {"get": 200, "list": 200, "link": 200, "put": 412, "delete": 404}


def test_a_worker_stops_executions_of_others_and_does_not_pause_delete_redrive_or_fork_them(server: Server) -> None:
    client = admin(server)
    headers = headers_of(server, "operate")
    body = {"input": {"other": "none", "token": "none"}}
    started = requests.post(f"{server.url}/functions/durable/start", json=body, headers=headers, timeout=60).json()
    arn, path = started["arn"], f"{server.url}/executions/{started['id']}"
    until(lambda: client.get_durable_execution(DurableExecutionArn=arn)["Status"] == "SUCCEEDED", "it has ended")
    found = json.loads(client.invoke(FunctionName="secrets", Payload='{"show":true}')["Payload"].read())
    worker = server.client(key={"AWS_ACCESS_KEY_ID": found["key"], "AWS_SECRET_ACCESS_KEY": found["secret"]})
    operator = server.client(key=server.keys["operate"] if isinstance(server, Guarded) else None)

    def asked(who: Any) -> dict[str, str]:
        answers = {}
        for name in ("stop", "pause", "resume"):
            try:
                getattr(who, f"{name}_durable_execution")(DurableExecutionArn=arn)
                answers[name] = "OK"
            except who.exceptions.ClientError as error:
                answers[name] = error.response["Error"]["Code"]
        return answers

    denied, late = "AccessDeniedException", "ResourceConflictException"
    assert asked(worker) == {"stop": "OK", "pause": denied, "resume": denied}
    assert asked(operator) == {"stop": "OK", "pause": late, "resume": late}
    with pytest.raises(worker.exceptions.ClientError, match=denied):
        worker.delete_durable_execution(DurableExecutionArn=arn)
    token = {"Authorization": f"Bearer {found['token']}"}
    for verb in ("pause", "resume", "redrive", "fork"):
        refused = requests.post(f"{path}/{verb}", json={}, headers=token, timeout=60)
        assert (refused.status_code, refused.json()["code"]) == (403, "E0186"), verb
        assert requests.post(f"{path}/{verb}", json={}, headers=headers, timeout=60).status_code in (400, 409, 422), verb
    assert requests.delete(path, headers=token, timeout=60).status_code == 403
    assert requests.delete(path, headers=headers, timeout=60).status_code == 200


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

"""AWS's clients with right and wrong keys."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore import auth
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from conftest import REGION, Guarded, Server, create_function, create_key, surroundings, until


def refused(call: Any) -> tuple[int, str, str]:
    """Status, name and our code of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], headers["x-everstep-error"]


def signed(server: Guarded, key: dict[str, str], method: str, path: str, body: bytes = b"", signer: Any = SigV4Auth, **headers: str) -> AWSRequest:
    request = AWSRequest(method=method, url=server.url + path, data=body, headers=headers)
    credentials = Credentials(key["AWS_ACCESS_KEY_ID"], key["AWS_SECRET_ACCESS_KEY"], key.get("AWS_SESSION_TOKEN"))
    signer(credentials, "lambda", REGION).add_auth(request)
    return request


def send(request: AWSRequest, body: bytes | None = None) -> requests.Response:
    prepared = request.prepare()
    data = prepared.body if body is None else body
    return requests.request(prepared.method, prepared.url, data=data, headers=dict(prepared.headers), timeout=60)


def test_boto3_with_a_right_key_does_everything(guarded: Guarded) -> None:
    client = guarded.client(key=guarded.keys["admin"])
    assert {function["FunctionName"] for function in client.list_functions()["Functions"]} >= {"echo", "durable"}
    answer = client.invoke(FunctionName="echo", Payload=json.dumps({"a": "ä~ +/"}))
    assert json.loads(answer["Payload"].read()) == {"a": "ä~ +/"}
    started = client.invoke(FunctionName="durable", Qualifier="$LATEST", InvocationType="Event", Payload='{"other":"none","token":"none"}')
    arn = started["DurableExecutionArn"]
    # The ARN is one encoded segment with slashes, colons and a dollar sign: its encoding is encoded once more before it is signed.
    assert client.get_durable_execution(DurableExecutionArn=arn)["DurableExecutionArn"] == arn
    assert client.get_durable_execution_history(DurableExecutionArn=arn, IncludeExecutionData=True)["Events"]
    listed = client.list_durable_executions_by_function(FunctionName="durable", Statuses=["RUNNING", "SUCCEEDED", "FAILED"])
    assert any(row["DurableExecutionArn"] == arn for row in listed["DurableExecutions"])


def test_wrong_missing_and_unknown_keys_are_refused_in_aws_words(guarded: Guarded) -> None:
    admin = guarded.keys["admin"]
    wrong = {**admin, "AWS_SECRET_ACCESS_KEY": "wrong"}
    assert refused(guarded.client(key=wrong).list_functions) == (403, "InvalidSignatureException", "E0184")
    unknown = {**admin, "AWS_ACCESS_KEY_ID": "AKIDUNKNOWN"}
    assert refused(guarded.client(key=unknown).list_functions) == (403, "UnrecognizedClientException", "E0182")
    token = {**admin, "AWS_SESSION_TOKEN": "made up"}
    assert refused(guarded.client(key=token).list_functions) == (403, "UnrecognizedClientException", "E0182")
    bare = requests.get(f"{guarded.url}/2015-03-31/functions", timeout=60)
    assert (bare.status_code, bare.headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException")
    half = requests.get(f"{guarded.url}/2015-03-31/functions", headers={"Authorization": "AWS4-HMAC-SHA256 Credential=a"}, timeout=60)
    assert (half.status_code, half.headers["x-amzn-errortype"], half.headers["x-everstep-error"]) == (403, "IncompleteSignatureException", "E0181")
    logs = guarded.client("logs", key=wrong)
    assert refused(lambda: logs.filter_log_events(logGroupName="/aws/lambda/echo"))[:2] == (403, "InvalidSignatureException")


def test_a_changed_body_path_query_or_header_is_seen(guarded: Guarded) -> None:
    key, path = guarded.keys["admin"], "/2015-03-31/functions/echo/invocations"
    assert send(signed(guarded, key, "POST", path, b'"a"')).json() == "a"
    for changed in (
        send(signed(guarded, key, "POST", path, b'"a"'), body=b'"b"'),
        send(signed(guarded, key, "POST", path, b'"a"', **{"X-Amz-Content-Sha256": "0" * 64})),
    ):
        assert (changed.status_code, changed.headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
    other = signed(guarded, key, "POST", path, b'"a"')
    other.url = other.url.replace("echo", "durable")
    assert send(other).status_code == 403
    more = signed(guarded, key, "POST", path, b'"a"')
    more.url += "?Qualifier=1"
    assert send(more).status_code == 403
    kind = signed(guarded, key, "POST", path, b'"a"', **{"X-Amz-Invocation-Type": "RequestResponse"})
    kind.headers.replace_header("X-Amz-Invocation-Type", "DryRun")
    assert send(kind).status_code == 403


def test_a_query_is_signed_in_any_order_and_an_unsigned_payload_is_taken(guarded: Guarded) -> None:
    key = guarded.keys["admin"]
    assert send(signed(guarded, key, "GET", "/2015-03-31/functions?MaxItems=1&FunctionVersion=ALL&a=~%20x")).status_code == 200
    unsigned = signed(guarded, key, "POST", "/2015-03-31/functions/echo/invocations", b'"a"', **{"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"})
    # botocore takes the header's word for the hash.
    assert send(unsigned, body=b'"b"').json() == "b"


def test_a_signed_address_is_good_as_it_is(guarded: Guarded) -> None:
    key = guarded.keys["read"]
    request = signed(guarded, key, "GET", "/2015-03-31/functions?MaxItems=50", signer=SigV4QueryAuth)
    assert requests.get(request.url, timeout=60).status_code == 200
    assert requests.get(request.url.replace("MaxItems=50", "MaxItems=51"), timeout=60).headers["x-amzn-errortype"] == "InvalidSignatureException"
    assert requests.get(request.url.replace("X-Amz-Expires=3600", "X-Amz-Expires=7200"), timeout=60).status_code == 403


@pytest.mark.parametrize(("minutes", "expected"), [(-4, 200), (4, 200), (-6, 403), (6, 403)])
def test_a_signature_is_good_for_five_minutes(guarded: Guarded, monkeypatch: pytest.MonkeyPatch, minutes: int, expected: int) -> None:
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
    monkeypatch.setattr(auth, "get_current_datetime", lambda **_: then.replace(tzinfo=None))
    answer = send(signed(guarded, guarded.keys["read"], "GET", "/2015-03-31/functions"))
    assert answer.status_code == expected, answer.text
    if expected == 403:
        assert (answer.headers["x-amzn-errortype"], answer.headers["x-everstep-error"]) == ("InvalidSignatureException", "E0185")
        assert answer.json()["message"].startswith("Signature expired" if minutes < 0 else "Signature not yet current")


def test_a_clock_that_skips_is_not_the_clock_of_signatures(tmp_path: Path) -> None:
    key = create_key(tmp_path / "data", "admin", "--role", "admin")
    server = Server(tmp_path / "data", "dev", "--no-demo", "--clock", "skip")
    try:
        client = server.client(key=key)
        create_function(client, "long", "door.most_of_an_hour", durable=True)
        # Asked for: a data folder with keys closes the door of `dev`, too.
        assert requests.get(f"{server.url}/executions", timeout=60).status_code == 401
        arn = client.invoke(FunctionName="long", Qualifier="$LATEST", InvocationType="Event", Payload="{}")["DurableExecutionArn"]
        until(lambda: client.get_durable_execution(DurableExecutionArn=arn)["Status"] != "RUNNING", "most of an hour has passed")
        found = client.get_durable_execution(DurableExecutionArn=arn)
        assert found["Status"] == "SUCCEEDED"
        assert found["EndTimestamp"] - found["StartTimestamp"] >= datetime.timedelta(minutes=50)
        assert client.list_functions()["Functions"]
    finally:
        server.end()


def test_a_temporary_key_needs_its_session_token_and_ends(guarded: Guarded) -> None:
    key = create_key(guarded.folder, "passing", "--role", "read", "--expires-in", "6s")
    until(lambda: requests.get(f"{guarded.url}/executions", headers=bearer(key), timeout=60).status_code == 200, "the key is known", 5)
    assert guarded.client(key=key).list_functions()["Functions"]
    without = {name: value for name, value in key.items() if name != "AWS_SESSION_TOKEN"}
    assert refused(guarded.client(key=without).list_functions)[1] == "UnrecognizedClientException"

    def over() -> bool:
        try:
            guarded.client(key=key).list_functions()
        except ClientError as error:
            return error.response["Error"]["Code"] == "ExpiredTokenException"
        return False

    until(over, "the key ends", 20)
    answer = requests.get(f"{guarded.url}/executions", headers=bearer(key), timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (401, "E0183")


def bearer(key: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['EVERSTEP_API_KEY']}"}


def test_roles_are_kept(guarded: Guarded) -> None:
    read, operate = (guarded.client(key=guarded.keys[role]) for role in ("read", "operate"))
    denied = (403, "AccessDeniedException", "E0186")
    assert read.get_function(FunctionName="echo")
    assert refused(lambda: read.invoke(FunctionName="echo")) == denied
    assert operate.invoke(FunctionName="echo", Payload="1")["StatusCode"] == 200
    assert refused(lambda: operate.delete_function(FunctionName="echo")) == denied
    assert refused(lambda: guarded.client(key=guarded.keys["agent"]).list_functions()) == denied
    logs = guarded.client("logs", key=guarded.keys["read"])
    found = logs.test_metric_filter(filterPattern="ERROR", logEventMessages=["an ERROR", "nothing"])["matches"]
    assert [match["eventNumber"] for match in found] == [1], "it only looks"
    assert refused(lambda: logs.delete_log_group(logGroupName="/aws/lambda/echo"))[0] == 403


def test_the_rest_api_takes_api_keys_by_role(guarded: Guarded) -> None:
    def status(method: str, path: str, role: str | None, body: Any = None) -> int:
        headers = bearer(guarded.keys[role]) if role else {}
        return requests.request(method, guarded.url + path, headers=headers, json=body, timeout=60).status_code

    assert status("GET", "/health", None) == 200
    missing = requests.get(f"{guarded.url}/executions", timeout=60)
    assert (missing.status_code, missing.json()["code"], missing.headers["www-authenticate"]) == (401, "E0180", 'Bearer realm="everstep"')
    unknown = requests.get(f"{guarded.url}/executions", headers={"Authorization": "Bearer evk_unknown"}, timeout=60)
    assert (unknown.status_code, unknown.json()["code"]) == (401, "E0182")
    assert [status("GET", "/executions", role) for role in ("read", "operate", "admin", "agent")] == [200, 200, 200, 403]
    start = {"input": {"other": "none", "token": "none"}}
    assert [status("POST", "/functions/durable/start", role, start) for role in (None, "read", "operate", "agent")] == [401, 403, 201, 403]
    agent = {"url": "http://127.0.0.1:1"}
    assert [status("PUT", "/agents/a", role, agent) for role in ("read", "operate", "admin")] == [403, 403, 200]
    gone = "/executions/01a1fd55-b070-7cca-9e02-0055fd5a0082"
    assert [status("DELETE", gone, role) for role in (None, "read", "operate", "agent")] == [401, 403, 404, 403]
    assert [status("POST", f"{gone}/{verb}", role) for verb in ("pause", "resume") for role in ("read", "operate")] == [403, 404] * 2
    assert [status("DELETE", "/agents/a", role) for role in ("read", "operate")] == [403, 403]
    assert [status("GET", "/metrics", role) for role in (None, "read")] == [401, 200]
    assert requests.get(f"{guarded.url}/executions", headers={"X-Api-Key": guarded.keys["read"]["EVERSTEP_API_KEY"]}, timeout=60).status_code == 200
    # A callback's token speaks for itself; what is answered to one that nobody issued is the same for everybody.
    assert status("POST", "/callbacks", None, {"token": "nobody's", "status": "SUCCESS", "result": 1}) == 200


def test_artifacts_ask_for_a_key_a_worker_or_a_link(guarded: Guarded) -> None:
    base = f"{guarded.url}/artifacts/door"
    agent, read = bearer(guarded.keys["agent"]), bearer(guarded.keys["read"])
    assert requests.put(f"{base}/a/b.txt", data=b"x", timeout=60).status_code == 401
    assert requests.put(f"{base}/a/b.txt", data=b"x", headers=read, timeout=60).status_code == 403
    assert requests.put(f"{base}/a/b.txt", data=b"x", headers=agent, timeout=60).status_code == 201
    assert [requests.get(f"{base}/a/b.txt", headers=headers, timeout=60).status_code for headers in ({}, read, agent)] == [401, 200, 200]
    link = {"bucket": "door", "key": "a/b.txt", "expires_seconds": 60}
    assert requests.post(f"{guarded.url}/artifact-links", json=link, timeout=60).status_code == 401
    url = requests.post(f"{guarded.url}/artifact-links", json=link, headers=agent, timeout=60).json()["url"]
    assert requests.get(url, timeout=60).content == b"x"
    query = url.partition("?")[2]
    for method, address in [("GET", f"{base}/a/c.txt"), ("PUT", f"{base}/a/b.txt"), ("DELETE", f"{base}/a/b.txt"), ("GET", base)]:
        answer = requests.request(method, f"{address}?{query}", timeout=60)
        assert answer.status_code in (401, 403), f"{method} {address}"
    for trick in ("xsignature=1", "signature=&expires=", "signature=1.AAAA&expires=99999999999"):
        assert requests.get(f"{base}/a/b.txt?{trick}", timeout=60).status_code in (401, 403)


def test_an_agent_s_key_does_not_reach_what_functions_keep_of_their_own(guarded: Guarded) -> None:
    """A workflow's record says which execution an approval decides."""
    place = f"{guarded.url}/artifacts/door/tables/workflows/w-1.json"
    agent, operate = bearer(guarded.keys["agent"]), bearer(guarded.keys["operate"])
    assert requests.put(place, data=b"{}", headers=operate, timeout=60).status_code == 201
    assert [requests.request(method, place, data=b"x", headers=agent, timeout=60).status_code for method in ("GET", "PUT", "DELETE")] == [403] * 3
    link = {"bucket": "door", "key": "tables/workflows/w-1.json", "expires_seconds": 60}
    assert requests.post(f"{guarded.url}/artifact-links", json=link, headers=agent, timeout=60).status_code == 403
    assert requests.get(f"{guarded.url}/artifacts/door?prefix=tables/", headers=agent, timeout=60).status_code == 403
    assert requests.get(place, headers=operate, timeout=60).content == b"{}"


def test_the_aws_command_line_is_let_in_by_its_key(guarded: Guarded) -> None:
    aws = shutil.which("aws")
    if aws is None:
        pytest.skip("there is no aws on the path")
    words = [aws, "lambda", "get-function", "--function-name", "echo", "--endpoint-url", guarded.url, "--region", REGION, "--output", "json"]

    def run(key: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, env=surroundings(**key), capture_output=True, text=True, timeout=120)

    good = run(guarded.keys["read"])
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["Configuration"]["FunctionName"] == "echo"
    bad = run({**guarded.keys["read"], "AWS_SECRET_ACCESS_KEY": "wrong"})
    assert bad.returncode != 0 and "InvalidSignatureException" in bad.stderr

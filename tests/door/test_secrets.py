"""No secret in any log: everything secret is used, and then looked for in everything that was written."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import requests
from botocore.exceptions import ClientError
from conftest import Guarded, create_function, create_key


def test_no_secret_stands_in_a_log_an_answer_or_the_journal(tmp_path: Path) -> None:
    server = Guarded(tmp_path / "data", EVERSTEP_LOG="trace", EVERSTEP_ADMIN_KEY="EVAKENV:" + "distinctive" * 4)
    told: list[str] = []
    secrets: set[str] = {"distinctive" * 4}
    try:
        passing = create_key(server.folder, "passing", "--expires-in", "1h")
        for key in (*server.keys.values(), passing):
            secrets |= {value for name, value in key.items() if name != "AWS_ACCESS_KEY_ID"}
        admin = server.client(key=server.keys["admin"])
        create_function(admin, "secrets", "door.secrets")
        create_function(admin, "durable", "door.durable", durable=True)
        shown = json.loads(admin.invoke(FunctionName="secrets", Payload='{"show":true}')["Payload"].read())
        secrets.add(shown["secret"])
        admin.invoke(FunctionName="durable", Qualifier="$LATEST", Payload='{"other":"none","token":"none"}')
        for key in (*server.keys.values(), passing):
            headers = {"Authorization": f"Bearer {key['EVERSTEP_API_KEY']}"}
            told.append(requests.get(f"{server.url}/executions", headers=headers, timeout=60).text)
            wrong = {"Authorization": f"Bearer {key['EVERSTEP_API_KEY']}x"}
            told.append(requests.get(f"{server.url}/executions", headers=wrong, timeout=60).text)
            told.append(requests.get(f"{server.url}/nothing", headers={"X-Api-Key": key["EVERSTEP_API_KEY"]}, timeout=60).text)
            try:
                told.append(str(server.client(key={**key, "AWS_SESSION_TOKEN": key["AWS_SECRET_ACCESS_KEY"]}).list_functions()))
            except ClientError as error:
                told.append(str(error.response))
        link = {"bucket": "b", "key": "k", "expires_seconds": 60}
        agent = {"Authorization": f"Bearer {server.keys['agent']['EVERSTEP_API_KEY']}"}
        requests.put(f"{server.url}/artifacts/b/k", data=b"1", headers=agent, timeout=60)
        url = requests.post(f"{server.url}/artifact-links", json=link, headers=agent, timeout=60).json()["url"]
        signature = url.rpartition("signature=")[2]
        assert requests.get(url, timeout=60).status_code == 200
        secrets.add(signature)
        assert len(secrets) >= 4 * 2 + 3 + 3
    finally:
        server.end()
    written = {path: path.read_bytes() for path in server.folder.rglob("*") if path.is_file() and path.name != "keys.json"}
    written[server.log] = server.log.read_bytes()
    written[Path("answers")] = "\n".join(told).encode()
    # Of the keys' file, what is no secret of an access key: API keys are not in it.
    kept = (server.folder / "keys.json").read_text()
    assert not any(key["EVERSTEP_API_KEY"] in kept for key in (*server.keys.values(), passing))
    assert any(b"/executions" in content for content in written.values()) or written[server.log], "the log is not empty"
    for secret in secrets:
        forms = {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()}
        found = [path for path, content in written.items() if any(form.encode() in content for form in forms)]
        assert not found, f"a secret stands in {found}"


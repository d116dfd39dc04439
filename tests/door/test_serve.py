"""`everstep serve` and `everstep keys`: what it refuses, TLS, and an orderly end."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests
from conftest import BINARY, Guarded, Server, create_function, create_key, everstep, surroundings, until
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for this machine, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / "cert.pem", folder / "key.pem"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return cert, private


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (("--listen", "0.0.0.0:0"), False),
        (("--listen", "0.0.0.0:0"), True),
        (("--listen", "0.0.0.0:0", "--behind-proxy"), False),
        (("--listen", "127.0.0.1:0", "--behind-proxy"), False),
        (("--listen", "127.0.0.1:0", "--behind-proxy"), True),
    ],
)
def test_it_refuses_to_listen_where_nothing_protects_it(tmp_path: Path, words: tuple[str, ...], keys: bool) -> None:
    if keys:
        create_key(tmp_path / "data", "k")
    done = everstep("serve", "--data", str(tmp_path / "data"), *words)
    assert (done.returncode, done.stdout) == (6, "")
    assert "E0188" in done.stderr


def test_it_refuses_keys_that_others_may_read_and_files_that_are_no_certificate(tmp_path: Path) -> None:
    data = tmp_path / "data"
    create_key(data, "k")
    (data / "keys.json").chmod(0o644)
    done = everstep("serve", "--data", str(data), "--listen", "127.0.0.1:0")
    assert done.returncode == 6 and "E0189" in done.stderr and "0644" in done.stderr
    (data / "keys.json").chmod(0o600)
    (data / "keys.json").write_text('{"version":1,"keys":[{"secret_access_key":"distinctive"}]}')
    done = everstep("serve", "--data", str(data), "--listen", "127.0.0.1:0")
    assert done.returncode == 6 and "E0189" in done.stderr and "distinctive" not in done.stderr
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    done = everstep("serve", "--data", str(tmp_path / "other"), "--listen", "127.0.0.1:0", "--tls-cert", str(nothing), "--tls-key", str(nothing))
    assert done.returncode == 6 and "E0189" in done.stderr


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("serve", "--public-url", "everstep.example.org"),
        ("serve", "--public-url", "ftp://everstep.example.org"),
        ("serve", "--public-url", "https://everstep.example.org/?a=b"),
        ("serve", "--region", "us east 1"),
        ("dev", "--region", "eu:1"),
        ("dev", "--region", ""),
    ],
)
def test_an_option_that_can_t_be_right_is_refused_at_the_start(tmp_path: Path, command: str, option: str, value: str) -> None:
    done = everstep(command, "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", option, value)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert option in done.stderr
    assert not (tmp_path / "data").exists()


def test_keys_are_made_listed_and_taken_back(tmp_path: Path) -> None:
    key = create_key(tmp_path, "ci", "--role", "read")
    file = tmp_path / "keys.json"
    assert file.stat().st_mode & 0o777 == 0o600
    # What an API key is checked with is not the key.
    assert key["EVERSTEP_API_KEY"] not in file.read_text()
    listed = everstep("-o", "json", "keys", "list", "--data", str(tmp_path)).stdout
    assert [row["name"] for row in json.loads(listed)["keys"]] == ["ci"]
    assert key["AWS_SECRET_ACCESS_KEY"] not in listed
    assert everstep("keys", "create", "ci", "--data", str(tmp_path)).returncode == 4
    assert everstep("keys", "revoke", "nobody", "--data", str(tmp_path)).returncode == 3
    assert everstep("keys", "revoke", "ci", "--data", str(tmp_path)).returncode == 0
    assert json.loads(everstep("-o", "json", "keys", "list", "--data", str(tmp_path)).stdout) == {"keys": []}


def test_a_key_that_is_taken_back_opens_nothing_any_more_and_the_door_does_not_open(tmp_path: Path) -> None:
    key = create_key(tmp_path / "data", "only")
    server = Server(tmp_path / "data", "serve")
    try:
        headers = {"Authorization": f"Bearer {key['EVERSTEP_API_KEY']}"}
        assert requests.get(f"{server.url}/executions", headers=headers, timeout=60).status_code == 200
        assert everstep("keys", "revoke", "only", "--data", str(server.folder)).returncode == 0
        until(lambda: requests.get(f"{server.url}/executions", headers=headers, timeout=60).status_code == 401, "it is taken back", 10)
        assert requests.get(f"{server.url}/executions", timeout=60).status_code == 401
    finally:
        server.end()


def test_a_key_of_the_environment_is_good_for_everything(tmp_path: Path) -> None:
    secret = "a-secret-of-more-than-thirty-two-characters"
    server = Server(tmp_path / "data", "serve", EVERSTEP_ADMIN_KEY=f"EVAKENV:{secret}")
    try:
        key = {"AWS_ACCESS_KEY_ID": "EVAKENV", "AWS_SECRET_ACCESS_KEY": secret}
        assert server.client(key=key).list_functions()["Functions"] == []
        assert everstep("list", EVERSTEP_ENDPOINT=server.url, EVERSTEP_API_KEY=secret).returncode == 0
    finally:
        server.end()
    assert secret not in server.log.read_text()


def test_the_command_line_tells_a_server_without_tls_from_none(guarded: Guarded) -> None:
    mistaken = everstep("list", EVERSTEP_ENDPOINT=guarded.url.replace("http:", "https:"))
    assert mistaken.returncode == 5 and "http://" in mistaken.stderr and "everstep dev" not in mistaken.stderr
    nobody = everstep("list", EVERSTEP_ENDPOINT="http://127.0.0.1:1")
    assert nobody.returncode == 5 and "everstep dev" in nobody.stderr


def test_the_command_line_shows_its_key(guarded: Guarded) -> None:
    without = everstep("list", EVERSTEP_ENDPOINT=guarded.url)
    assert without.returncode == 6 and "E0180" in without.stderr
    key = guarded.keys["operate"]["EVERSTEP_API_KEY"]
    assert everstep("list", EVERSTEP_ENDPOINT=guarded.url, EVERSTEP_API_KEY=key).returncode == 0
    started = everstep("--api-key", key, "--url", guarded.url, "start", "durable", "--wait", "--input", '{"other":"none","token":"none"}')
    assert started.returncode == 0, started.stderr
    denied = everstep("start", "durable", EVERSTEP_ENDPOINT=guarded.url, EVERSTEP_API_KEY=guarded.keys["read"]["EVERSTEP_API_KEY"])
    assert denied.returncode == 6 and "E0186" in denied.stderr


def test_tls_with_certificate_files_that_are_read_again(tmp_path: Path) -> None:
    cert, private = certificate(tmp_path, "first")
    key = create_key(tmp_path / "data", "admin", "--role", "admin")
    server = Server(tmp_path / "data", "serve", "--tls-cert", str(cert), "--tls-key", str(private))
    try:
        assert server.url.startswith("https://127.0.0.1:")
        client = server.client(key=key, verify=str(cert))
        # A function reaches the server without TLS, on an address of its own on this machine.
        create_function(client, "durable", "door.durable", durable=True)
        answer = client.invoke(FunctionName="durable", Qualifier="$LATEST", Payload='{"other":"none","token":"none"}')
        assert "FunctionError" not in answer, answer["Payload"].read()
        strange = everstep("list", EVERSTEP_ENDPOINT=server.url, EVERSTEP_API_KEY=key["EVERSTEP_API_KEY"])
        assert strange.returncode == 5 and "certificate" in strange.stderr and "--ca-cert" in strange.stderr and "everstep dev" not in strange.stderr
        plain = everstep("list", EVERSTEP_ENDPOINT=server.url.replace("https:", "http:"), EVERSTEP_API_KEY=key["EVERSTEP_API_KEY"])
        assert plain.returncode == 5 and "https://" in plain.stderr and "everstep dev" not in plain.stderr
        trusted = everstep("list", "--ca-cert", str(cert), EVERSTEP_ENDPOINT=server.url, EVERSTEP_API_KEY=key["EVERSTEP_API_KEY"])
        assert trusted.returncode == 0, trusted.stderr
        assert server.say(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", 3)[:4] != b"HTTP", "no plain HTTP on the address of TLS"
        first = ssl.get_server_certificate(server.address)
        private.write_text("half written")
        time.sleep(3)
        assert ssl.get_server_certificate(server.address) == first, "what can't be read changes nothing"
        certificate(tmp_path, "second")
        until(lambda: ssl.get_server_certificate(server.address) != first, "the new certificate", 15)
    finally:
        server.end()


def test_sigterm_lets_a_running_call_end_well(tmp_path: Path) -> None:
    key = create_key(tmp_path / "data", "admin", "--role", "admin")
    server = Server(tmp_path / "data", "serve")
    client = server.client(key=key)
    create_function(client, "slow", "door.slow")
    client.invoke(FunctionName="slow", Payload="0")
    answers: list[bytes] = []
    call = threading.Thread(target=lambda: answers.append(client.invoke(FunctionName="slow", Payload="3")["Payload"].read()))
    call.start()
    time.sleep(1)
    assert server.end() == 0
    call.join(30)
    assert answers == [b'"slept"']


def test_hup_reads_the_keys_at_once(tmp_path: Path) -> None:
    create_key(tmp_path / "data", "one")
    server = Server(tmp_path / "data", "serve")
    try:
        key = create_key(tmp_path / "data", "two")
        server.process.send_signal(1)
        headers = {"Authorization": f"Bearer {key['EVERSTEP_API_KEY']}"}
        until(lambda: requests.get(f"{server.url}/executions", headers=headers, timeout=60).status_code == 200, "the new key", 1.5)
    finally:
        server.end()


def test_without_keys_on_loopback_it_says_that_everybody_is_let_in(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", "serve")
    try:
        assert requests.get(f"{server.url}/executions", timeout=60).status_code == 200
        assert "everybody on this machine is let in" in server.log.read_text()
    finally:
        server.end()


def test_help_shows_no_secret_of_the_environment() -> None:
    done = subprocess.run(
        [BINARY, "serve", "--help"], capture_output=True, text=True, env=surroundings(EVERSTEP_API_KEY="distinctive", EVERSTEP_ADMIN_KEY="distinctive:x")
    )
    assert done.returncode == 0 and "distinctive" not in done.stdout + done.stderr

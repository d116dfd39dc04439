"""What holds for artifacts holds in every store: a folder, S3, Google Cloud Storage and Azure."""

from __future__ import annotations

import hashlib
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from conftest import BINARY, Server
from emulators import BUCKET, STORES, Store, s3

MIB = 1 << 20


def noise(length: int) -> bytes:
    return random.Random(length).randbytes(length)


def test_an_artifact_is_read_as_it_was_written(server: Server):
    """Checksum, content type and ranges; above 5 MB a cloud gets it in parts."""
    for length in (0, 1, 300_000, 12 * MIB + 7):
        content, path = noise(length), f"/artifacts/reports/w1/of {length}.bin"
        put = server.put(path, content, content_type="application/x-test")
        assert put.status_code == 201, put.text
        digest = f'"{hashlib.sha256(content).hexdigest()}"'
        assert put.headers["etag"] == digest
        got = server.ask("GET", path)
        assert (got.content == content, got.headers["etag"]) == (True, digest)
        assert got.headers["content-type"] == "application/x-test"
        head = server.ask("HEAD", path)
        assert head.headers["content-length"] == str(length)
        if length > 10:
            part = server.ask("GET", path, headers={"range": f"bytes={length // 2}-{length // 2 + 9}"})
            assert (part.status_code, part.content) == (206, content[length // 2 : length // 2 + 10])
            assert part.headers["content-range"] == f"bytes {length // 2}-{length // 2 + 9}/{length}"
    listed = server.ask("GET", "/artifacts/reports?prefix=w1/").json()["objects"]
    assert [found["size"] for found in listed] == [0, 1, 12 * MIB + 7, 300_000]
    gone = [server.ask("DELETE", f"/artifacts/reports/w1/of {length}.bin").status_code for length in (0, 1, 300_000, 12 * MIB + 7)]
    assert gone == [204] * 4
    assert server.ask("GET", "/artifacts/reports/w1/of 1.bin").status_code == 404


def test_conditions_hold_among_many_writers(server: Server):
    path = "/artifacts/race/key"
    assert server.put(path, b"first", if_none_match="*").status_code == 201
    assert server.put(path, b"again", if_none_match="*").json()["code"] == "E0116"
    etag = server.ask("HEAD", path).headers["etag"]
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda number: server.put(path, f"writer {number}", if_match=etag).status_code, range(8)))
    assert sorted(codes) == [201] + [412] * 7
    winner = codes.index(201)
    assert server.ask("GET", path).text == f"writer {winner}"
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda number: server.put(path, f"any {number}").status_code, range(8)))
    assert codes == [201] * 8, "without a condition all are taken, in some order"
    assert server.ask("GET", path).text.startswith("any ")


def test_links_are_served_through_us_expire_and_are_revoked(server: Server, store: Store):
    server.put("/artifacts/reports/linked.json", b'{"a": 1}')
    body = {"bucket": "reports", "key": "linked.json", "expires_seconds": 600}
    url = server.ask("POST", "/artifact-links", json=body).json()["url"]
    assert url.startswith(server.url), "nobody is sent to the cloud with credentials"
    assert requests.get(url, timeout=60).json() == {"a": 1}
    assert requests.get(url.replace("linked", "other"), timeout=60).status_code == 403
    assert requests.get(f"{server.url}/artifacts/reports/linked.json", timeout=60).status_code == 401
    assert server.ask("DELETE", "/artifact-links/reports/linked.json").status_code == 204
    revoked = requests.get(url, timeout=60)
    assert (revoked.status_code, revoked.json()["detail"]) == (403, "The link has been revoked")


def test_artifacts_outlive_the_server(server: Server, store: Store, tmp_path):
    content = noise(700_000)
    server.put("/artifacts/kept/a/b", content)
    second = Server(tmp_path / "second", "--artifacts", store.url, *store.arguments, **store.environment)
    try:
        assert second.ask("GET", "/artifacts/kept/a/b").content == content, "another server with the same place"
    finally:
        second.end()


def test_s3_gets_parts_encryption_and_names_that_tell(tmp_path):
    """Read back with boto3: what is in the bucket, as its owner sees it."""
    import boto3

    for store in s3(tmp_path):
        server = Server(tmp_path / "server", "--artifacts", store.url, *store.arguments, **store.environment)
        small, large = noise(1000), noise(9 * MIB)
        server.put("/artifacts/reports/w1/small", small)
        server.put("/artifacts/reports/w1/large", large)
        client = boto3.client(
            "s3", endpoint_url=store.endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        keys = [found["Key"] for found in client.list_objects_v2(Bucket=BUCKET, Prefix="of/a/team/content/")["Contents"]]
        heads = {key.split("/")[-2]: client.head_object(Bucket=BUCKET, Key=key) for key in keys}
        assert set(heads) == {"=small", "=large"}, keys
        assert [head["ServerSideEncryption"] for head in heads.values()] == ["AES256"] * 2
        assert heads["=large"]["ETag"].strip('"').endswith("-2"), "9 MiB in two parts"
        assert "-" not in heads["=small"]["ETag"]
        entries = client.list_objects_v2(Bucket=BUCKET, Prefix="of/a/team/index/reports/w1/")["Contents"]
        assert len(entries) == 2
        for entry in entries:
            assert client.head_object(Bucket=BUCKET, Key=entry["Key"])["ServerSideEncryption"] == "AES256"
        # What somebody else changed in the bucket is not served.
        key = next(key for key in keys if "=small" in key)
        client.put_object(Bucket=BUCKET, Key=key, Body=small[:-1] + b"?")
        try:
            read = server.ask("GET", "/artifacts/reports/w1/small").content
        except requests.exceptions.RequestException:
            read = b""
        assert read == b""
        server.end()


def stored_bytes(store: Store, folder: Path) -> int:
    """What is really kept: files of the folder, or objects of the bucket."""
    if not store.endpoint:
        return sum(file.stat().st_size for file in folder.rglob("=*") if file.is_file())
    import boto3

    client = boto3.client(
        "s3", endpoint_url=store.endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    found = client.list_objects_v2(Bucket=BUCKET, Prefix="of/a/team/content/").get("Contents", [])
    return sum(meta["Size"] for meta in found)


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_compression_is_seen_by_nobody_but_the_disk(kind: str, tmp_path):
    """Asked for by an option or by the file of settings; what is packed already is left as it is."""
    text = b"".join(b"%07d\n" % number for number in range(150_000))
    packed = noise(300_000)
    for store in STORES[kind](tmp_path):
        settings = tmp_path / "settings.toml"
        settings.write_text("[artifacts]\ncompression = 'zstd'\n")
        server = Server(tmp_path / "server", "--artifacts", store.url, "--config", str(settings), *store.arguments, **store.environment)
        put = server.put("/artifacts/reports/text", text, content_type="text/plain")
        digest = f'"{hashlib.sha256(text).hexdigest()}"'
        assert put.headers["etag"] == digest
        assert stored_bytes(store, tmp_path / "elsewhere") < len(text) // 3
        got = server.ask("GET", "/artifacts/reports/text")
        assert (got.content == text, got.headers["etag"], got.headers["content-length"]) == (True, digest, str(len(text)))
        assert "content-encoding" not in got.headers
        part = server.ask("GET", "/artifacts/reports/text", headers={"range": "bytes=800000-800015"})
        assert part.content == text[800_000:800_016]
        (listed,) = server.ask("GET", "/artifacts/reports").json()["objects"]
        assert listed["size"] == len(text)
        before = stored_bytes(store, tmp_path / "elsewhere")
        server.put("/artifacts/reports/picture.png", packed)
        assert stored_bytes(store, tmp_path / "elsewhere") - before >= len(packed)
        assert server.ask("GET", "/artifacts/reports/picture.png").content == packed
        server.end()
        # Without the option what was compressed is still read, and nothing more is.
        plain = Server(tmp_path / "server", "--artifacts", store.url, *store.arguments, **store.environment)
        assert plain.ask("GET", "/artifacts/reports/text").content == text
        before = stored_bytes(store, tmp_path / "elsewhere")
        plain.put("/artifacts/reports/other", text)
        assert stored_bytes(store, tmp_path / "elsewhere") - before >= len(text)
        plain.end()


def test_links_and_artifacts_end_by_the_clock_of_the_server(tmp_path):
    """At the public door: a link and an artifact of a second are good before it and not after."""
    server = Server(tmp_path / "server")
    server.put("/artifacts/reports/short?expires_in=1", b"1")
    server.put("/artifacts/reports/long", b"2")
    body = {"bucket": "reports", "key": "long", "expires_seconds": 1}
    url = server.ask("POST", "/artifact-links", json=body).json()["url"]
    deadline = time.monotonic() + 60
    while (linked := requests.get(url, timeout=60)).status_code == 200:
        assert linked.content == b"2" and time.monotonic() < deadline
        time.sleep(0.05)
    assert (linked.status_code, linked.json()["detail"]) == (403, "The link has expired")
    while (kept := server.ask("GET", "/artifacts/reports/short")).status_code == 200:
        assert kept.content == b"1" and "expires" in kept.headers and time.monotonic() < deadline
        time.sleep(0.05)
    assert kept.json()["code"] == "E0115"
    assert server.ask("GET", "/artifacts/reports/long").content == b"2"
    for wrong in ("0", "-1", "soon", str(10**12)):
        assert server.put(f"/artifacts/reports/short?expires_in={wrong}", b"1").json()["code"] == "E0112", wrong
    server.end()


def refused(*arguments: str, **variables: str) -> str:
    words = [BINARY, "dev", "--no-demo", "--listen", "127.0.0.1:0", *arguments]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=120, env={"PATH": "/usr/bin:/bin", **variables}, stdin=subprocess.DEVNULL
    )
    assert done.returncode != 0 and "everstep ready" not in done.stdout
    return done.stderr


def test_a_place_that_cannot_be_used_stops_the_start_and_is_named(tmp_path):
    data = ("--data", str(tmp_path))
    assert "ftp is no kind of store" in refused(*data, "--artifacts", "ftp://host/a")
    text = refused(*data, "--artifacts", "az://container")
    assert "E0127" in text and "az://container" in text, text
    text = refused(*data, "--artifacts", "gs://bucket", "--artifacts-encryption", "AES256")
    assert "E0127" in text and "for s3 alone" in text
    assert "which --artifacts names" in refused(*data, "--artifacts-region", "eu-west-1")
    settings = tmp_path / "settings.toml"
    settings.write_text("[artifacts]\nurl = 'http://a/b'\n")
    text = refused(*data, "--config", str(settings))
    assert "E0190" in text and "[artifacts] url can't be http://a/b: http is no kind of store" in text, text
    settings.write_text("[artifacts]\nurl = 'az://container'\n")
    assert "E0127" in refused(*data, "--config", str(settings))
    for store in s3(tmp_path):
        elsewhere = store.url.replace(BUCKET, "of-nobody")
        text = refused(*data, "--artifacts", elsewhere, *store.arguments, **store.environment)
        assert "E0127" in text and elsewhere in text and "NoSuchBucket" in text, text
        assert "test" not in text.split("E0127")[1]

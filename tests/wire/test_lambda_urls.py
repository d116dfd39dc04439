"""Functions behind addresses of their own, as HTTP clients meet them."""

from __future__ import annotations

import pytest
import requests


@pytest.fixture
def address(client, create):
    """Creates a function with an address and returns both."""

    def make(handler, **fields):
        name = create(handler)
        made = client.create_function_url_config(FunctionName=name, **{"AuthType": "NONE", **fields})
        return name, made["FunctionUrl"]

    return make


def test_request_becomes_an_event_of_format_two(address):
    _, url = address("web.shows")
    answer = requests.post(
        f"{url}a%20b/c?x=1&x=2&y=%C3%BC", data='{"n":1}', headers={"Content-Type": "application/json", "X-Mine": "here"}, cookies={"k": "v"}, timeout=30
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    event = answer.json()
    assert event["version"] == "2.0" and event["routeKey"] == "$default"
    assert event["rawPath"] == "/a%20b/c" and event["rawQueryString"] == "x=1&x=2&y=%C3%BC"
    assert event["queryStringParameters"] == {"x": "1,2", "y": "ü"}
    assert event["headers"]["x-mine"] == "here" and event["cookies"] == ["k=v"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"n":1}', False)
    http = event["requestContext"]["http"]
    assert (http["method"], http["path"], http["sourceIp"]) == ("POST", "/a%20b/c", "127.0.0.1")


def test_bytes_travel_as_base64_both_ways(address):
    _, url = address("web.bytes_back")
    body = bytes(range(256))
    answer = requests.put(url, data=body, headers={"Content-Type": "application/octet-stream"}, timeout=30)
    assert answer.content == body
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_answer_says_status_headers_and_cookies(address):
    _, url = address("web.describes")
    answer = requests.get(url, timeout=30)
    assert (answer.status_code, answer.text) == (418, "short and stout")
    assert answer.headers["X-Pot"] == "tea"
    assert answer.cookies.get_dict() == {"a": "1", "b": "2"}


def test_failed_function_is_a_bad_gateway(address):
    _, url = address("plain.fails")
    assert requests.get(url, timeout=30).status_code == 502


def test_cors_is_answered_for_the_function(address):
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "AllowHeaders": ["x-mine"], "MaxAge": 60, "AllowCredentials": True}
    _, url = address("web.shows", Cors=cors)
    origin = {"Origin": "https://a.example"}
    asked = requests.options(url, headers={**origin, "Access-Control-Request-Method": "GET"}, timeout=30)
    assert asked.status_code == 200 and asked.content == b""
    assert asked.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert asked.headers["Access-Control-Allow-Methods"] == "GET"
    assert asked.headers["Access-Control-Max-Age"] == "60"
    assert requests.get(url, headers=origin, timeout=30).headers["Access-Control-Allow-Origin"] == "https://a.example"
    stranger = requests.get(url, headers={"Origin": "https://b.example"}, timeout=30)
    assert "Access-Control-Allow-Origin" not in stranger.headers


def test_address_is_shown_changed_and_taken_away(client, address):
    name, url = address("web.shows")
    with pytest.raises(client.exceptions.ResourceConflictException):
        client.create_function_url_config(FunctionName=name, AuthType="NONE")
    shown = client.get_function_url_config(FunctionName=name)
    assert (shown["FunctionUrl"], shown["AuthType"], shown["InvokeMode"]) == (url, "NONE", "BUFFERED")
    assert requests.get(url, timeout=30).status_code == 200
    assert client.update_function_url_config(FunctionName=name, AuthType="AWS_IAM")["AuthType"] == "AWS_IAM"
    unsigned = requests.get(url, timeout=30)
    assert (unsigned.status_code, unsigned.json()["code"]) == (403, "E0152")
    assert [one["FunctionUrl"] for one in client.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"]] == [url]
    client.delete_function_url_config(FunctionName=name)
    assert requests.get(url, timeout=30).status_code == 404
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function_url_config(FunctionName=name)


def test_address_of_an_alias_calls_its_version(client, create):
    name = create("web.version")
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    url = client.create_function_url_config(FunctionName=name, Qualifier="live", AuthType="NONE")["FunctionUrl"]
    assert requests.get(url, timeout=30).json() == "1"
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.create_function_url_config(FunctionName=name, Qualifier="1", AuthType="NONE")

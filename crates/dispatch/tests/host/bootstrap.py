#!/usr/bin/env python3
"""A runtime that misbehaves on request."""
import json, os, socket, time, http.client

api = os.environ["AWS_LAMBDA_RUNTIME_API"]
base = "/2018-06-01/runtime"
connection = http.client.HTTPConnection(api)
second = None


def call(method, path, body=None, headers={}, **more):
    connection.request(method, base + path, body, headers, **more)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def answer(request_id, value, invocation_id=None):
    told = {"Lambda-Runtime-Invocation-Id": invocation_id} if invocation_id else {}
    return call("POST", f"/invocation/{request_id}/response", json.dumps(value), told)[0]


def hang_up():
    """Asks for work and closes the connection."""
    host, _, port = api.partition(":")
    lost = socket.create_connection((host, int(port)))
    lost.sendall(f"GET {base}/invocation/next HTTP/1.1\r\nHost: {api}\r\n\r\n".encode())
    time.sleep(0.05)
    lost.close()
    time.sleep(0.05)
    open(os.environ["MARK"], "w").close()


while True:
    _, headers, event = call("GET", "/invocation/next")
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    event = json.loads(event)
    if event == "plain":
        answer(request_id, {"handler": os.environ["_HANDLER"]})
    elif event == "chunked":
        pieces = iter([b'{"chunks"', b": ", b"3}"])
        call("POST", f"/invocation/{request_id}/response", pieces, {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    elif event == "wrong-ids":
        answer(request_id, {
            "unknown": answer("nobody", 1),
            "next": call("GET", "/invocation/next")[0],
            "init": call("POST", "/init/error", "{}")[0],
            "route": call("GET", "/restore/next")[0],
        })
    elif event == "twice":
        answer(request_id, "first")
        second = answer(request_id, "second")
    elif event == "other-invocation":
        refused = answer(request_id, "of another invocation", "0000")
        answer(request_id, {"refused": refused}, headers["Lambda-Runtime-Invocation-Id"])
    elif event == "late":
        time.sleep(2.2)
        second = answer(request_id, "late", headers["Lambda-Runtime-Invocation-Id"])
        open(os.environ["MARK"], "w").write(str(second))
    elif event == "long":
        time.sleep(3.5)
        answer(request_id, "long")
    elif event == "after-twice":
        answer(request_id, {"second": second})
    elif event == "hang-up":
        answer(request_id, "heard")
        hang_up()
    elif event == "bare-error":
        call("POST", f"/invocation/{request_id}/error", "not json", {"Lambda-Runtime-Function-Error-Type": "My.Error"})
    elif event == "last-words":
        body = b'"bye"'
        head = f"POST {base}/invocation/{request_id}/response HTTP/1.1\r\nHost: {api}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sock.sendall(head.encode() + body)
        os._exit(0)

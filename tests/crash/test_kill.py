"""kill -9 of the server at random moments under load, through the public door.

P1: nothing that was acknowledged is missing after any restart. P2: a step whose result was acknowledged never runs again.
"""

import base64
import http.client
import io
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
import zipfile

ROUNDS = int(os.environ.get("KILL_ROUNDS", "50"))
SEED = 20261121
EXECUTIONS_PER_ROUND = 12
HERE = pathlib.Path(__file__).parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server folder, served by one process after another on one port."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None

    def start(self):
        command = [os.environ["EVERSTEP_BIN"], "dev", "--no-demo", "--listen", f"127.0.0.1:{self.port}", "--data", str(self.folder)]
        self.log = open(self.folder.parent / "server.log", "ab")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("everstep ready"), f"the server does not start: {line!r}, see {self.log.name}"

    def kill(self, signal_number=signal.SIGKILL):
        self.process.send_signal(signal_number)
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.log.close()

    def call(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def create_function(server, ledger):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.write(HERE / "function" / "ledger.py", "ledger.py")
    body = {
        "FunctionName": "ledger",
        "Runtime": "python3.12",
        "Role": "arn:aws:iam::000000000000:role/test",
        "Handler": "ledger.handler",
        "Timeout": 60,
        "Environment": {"Variables": {"LEDGER": str(ledger)}},
        "Code": {"ZipFile": base64.b64encode(archive.getvalue()).decode()},
        "DurableConfig": {"ExecutionTimeout": 3600, "RetentionPeriodInDays": 1},
    }
    status, text = server.call("POST", "/2015-03-31/functions", json.dumps(body))
    assert status == 201, text


class Load:
    """Starts executions and answers their callbacks; remembers what the server acknowledged."""

    def __init__(self, server, ledger):
        self.server, self.ledger = server, ledger
        self.started, self.answered = {}, {}
        self.wanted = threading.Semaphore(0)
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.count = 0
        self.threads = [threading.Thread(target=self.start_some) for _ in range(3)]
        self.threads.append(threading.Thread(target=self.answer_some))
        for thread in self.threads:
            thread.start()

    def start_some(self):
        while not self.ended.is_set():
            if not self.wanted.acquire(timeout=0.1):
                continue
            with self.lock:
                self.count += 1
                name = f"execution-{self.count}"
            headers = {"X-Amz-Invocation-Type": "Event", "X-Amz-Durable-Execution-Name": name}
            try:
                status, _ = self.server.call("POST", "/2015-03-31/functions/ledger/invocations?Qualifier=%24LATEST", "{}", headers)
            except OSError:
                continue  # not acknowledged: it may or may not exist
            except http.client.HTTPException:
                continue
            if status == 202:
                self.started[name] = time.time()

    def callbacks(self):
        if not self.ledger.exists():
            return {}
        lines = (line.split() for line in self.ledger.read_text().splitlines() if line.startswith("callback "))
        return {line[1]: line[2] for line in lines if len(line) == 3}

    def answer_some(self):
        while not self.ended.is_set():
            for name, callback in self.callbacks().items():
                if name in self.answered:
                    continue
                path = f"/2025-12-01/durable-execution-callbacks/{urllib.parse.quote(callback, safe='')}/succeed"
                answer = json.dumps({"for": name})
                try:
                    status, text = self.server.call("POST", path, answer)
                except (OSError, http.client.HTTPException):
                    continue
                if status == 200:
                    self.answered[name] = answer
            time.sleep(0.02)

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(timeout=60)


def executions(server):
    """Every execution by name, over all pages."""
    found, marker = {}, None
    while True:
        query = {"MaxItems": "1000", **({"Marker": marker} if marker else {})}
        status, text = server.call("GET", "/2025-12-01/functions/ledger/durable-executions?" + urllib.parse.urlencode(query))
        assert status == 200, text
        page = json.loads(text)
        found.update({row["DurableExecutionName"]: row for row in page["DurableExecutions"]})
        marker = page.get("NextMarker")
        if not marker:
            return found


def steps_run_again(ledger):
    acknowledged, again = set(), []
    for line in ledger.read_text().splitlines():
        kind, *step = line.split()
        if kind == "ack":
            acknowledged.add(tuple(step))
        elif kind == "run" and tuple(step) in acknowledged:
            again.append(line)
    return again


def test_kill_loses_nothing_that_was_acknowledged(tmp_path):
    chance = random.Random(SEED)
    ledger = tmp_path / "ledger.txt"
    data = tmp_path / "data"
    data.mkdir()
    server = Server(data)
    server.start()
    create_function(server, ledger)
    load = Load(server, ledger)
    try:
        for round_number in range(ROUNDS):
            for _ in range(EXECUTIONS_PER_ROUND):
                load.wanted.release()
            time.sleep(chance.uniform(0.02, 0.8))
            server.kill()
            acknowledged = set(load.started)
            server.start()
            missing = acknowledged - set(executions(server))
            assert not missing, f"round {round_number}: acknowledged and gone: {sorted(missing)}"
        closed = wait_until_closed(server, load)
    finally:
        load.stop()
        server.kill(signal.SIGTERM)
    assert len(load.started) >= ROUNDS, "the load was too small to prove anything"
    for name in load.started:
        assert closed[name]["Status"] == "SUCCEEDED", closed[name]
    assert steps_run_again(ledger) == []
    print(f"{ROUNDS} kills, {len(load.started)} acknowledged starts, {len(load.answered)} acknowledged callbacks, none lost")


def wait_until_closed(server, load, seconds=180):
    deadline = time.time() + seconds
    while time.time() < deadline:
        found = executions(server)
        if all(name in found and found[name]["Status"] != "RUNNING" for name in load.started):
            check_results(server, found, load)
            return found
        time.sleep(0.2)
    running = [name for name in load.started if found.get(name, {}).get("Status") == "RUNNING"]
    raise AssertionError(f"still running after {seconds} s: {running[:5]}; of {len(running)}")


def check_results(server, found, load):
    for name, answer in list(load.answered.items()):
        arn = found[name]["DurableExecutionArn"]
        status, text = server.call("GET", "/2025-12-01/durable-executions/" + urllib.parse.quote(arn, safe=""))
        assert status == 200, text
        assert json.loads(text)["Result"] == answer, f"{name}: the acknowledged callback is not its result"

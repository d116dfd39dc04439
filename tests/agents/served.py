"""A server of the test's own and peers that it calls: each a process, its address on its first line."""

import json
import os
import pathlib
import subprocess
import sys
import time

import boto3
import requests
from botocore.config import Config

PEERS = pathlib.Path(__file__).parent / "peers"
# What peers/runtime.py lets in; the server finds them as AWS's tools do.
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
# What an agent is given that asks for access.
PEER_KEY = "planted-3f9c2b71d0"
QUICK = {"poll_first_ms": 50, "poll_max_ms": 300, "retry_first_ms": 50, "retry_max_ms": 300}


def eventually(condition, seconds=60):
    """Waits until the condition is true and returns its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
    return value


class Peer:
    def __init__(self, *command, python=sys.executable):
        self.process = subprocess.Popen([python, *map(str, command)], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://"), f"{command} does not start"

    def seen(self):
        return requests.get(f"{self.url}/seen", timeout=30).json()

    def release(self):
        requests.get(f"{self.url}/release", timeout=30)

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.process.stdout.close()


class Everstep:
    """`everstep dev` over one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.start()

    def start(self):
        folder = self.folder
        self.log = open(folder / "server.log", "ab")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        command = [os.environ["EVERSTEP_BIN"], "dev", "--no-demo", "--listen", "127.0.0.1:0", "--data", str(folder / "data")]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env={**environment, **KEYS, "AWS_EC2_METADATA_DISABLED": "true", "WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "PEER_KEY": PEER_KEY},
            text=True,
        )
        ready = self.process.stdout.readline()
        assert ready.startswith("everstep ready"), f"see {self.log.name}"
        self.url = ready.split()[-1]
        config = Config(read_timeout=120, retries={"mode": "standard", "total_max_attempts": 1})
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
        self.client = boto3.client("lambda", endpoint_url=self.url, config=config, **keys)

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.process.stdout.close()
        self.log.close()

    def again(self):
        """Killed as by `kill -9`, and started over the same folder."""
        self.process.kill()
        self.process.wait(timeout=60)
        self.process.stdout.close()
        self.log.close()
        self.start()

    def everstep(self, *words):
        """What the command line prints."""
        done = subprocess.run([os.environ["EVERSTEP_BIN"], "--url", self.url, *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def call(self, method, path, body=None):
        answer = requests.request(method, self.url + path, json=body, timeout=60)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def agent(self, name, **members):
        self.call("PUT", f"/agents/{name}", {**QUICK, **members})

    def invoke(self, name, payload):
        """The agent's result, waited for."""
        answer = self.client.invoke(FunctionName=name, Payload=json.dumps(payload))
        value = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, value
        return value

    def failure(self, name, payload):
        """The error document of an agent that fails."""
        answer = self.client.invoke(FunctionName=name, Payload=json.dumps(payload))
        value = json.loads(answer["Payload"].read())
        assert "FunctionError" in answer, value
        return value

    def begin(self, name, payload):
        return self.call("POST", f"/definitions/{name}/start", {"input": payload})["id"]

    def status(self, execution):
        return self.call("GET", f"/executions/{execution}")["execution"]["status"]

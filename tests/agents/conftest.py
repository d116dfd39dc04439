"""Agents as processes, a listener that takes their pushes, and a server that calls agents."""

import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from served import PEERS, Everstep, Peer

ROOT = pathlib.Path(__file__).parents[2]
CORPUS = ROOT / "apps/agents/corpus"


class Listener:
    """Takes every POST and PUT, keeps it, and answers 200, with JSON if it is told some."""

    def __init__(self):
        self.seen = queue.Queue()
        self.answer = None
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                listener.seen.put((self.path, dict(self.headers.items()), json.loads(body)))
                answer = b"" if listener.answer is None else json.dumps(listener.answer).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_PUT = do_POST

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class AgentProcess:
    """One agent, served by the `everstep` binary."""

    def __init__(self, kind, state, artifact_url):
        command = [os.environ["EVERSTEP_BIN"], "agent", kind, "--state", str(state), "--artifact-url", artifact_url]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EVERSTEP_LLM_")}
        self.log = open(state.parent / f"{kind}.log", "ab")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=environment, text=True
        )
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://"), f"the {kind} does not start, see {self.log.name}"

    def kill(self):
        self.process.kill()
        self.close()

    def close(self):
        self.process.terminate()
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.log.close()


@pytest.fixture
def listener():
    listener = Listener()
    yield listener
    listener.server.shutdown()
    listener.server.server_close()


@pytest.fixture
def start_agent(tmp_path, listener):
    started = []

    def start(kind):
        state = tmp_path / kind
        state.mkdir(exist_ok=True)
        agent = AgentProcess(kind, state, f"{listener.url}/artifacts/everstep-artifacts")
        started.append(agent)
        return agent

    yield start
    for agent in started:
        if agent.process.returncode is None:
            agent.close()


@pytest.fixture(scope="module")
def everstep(tmp_path_factory):
    server = Everstep(tmp_path_factory.mktemp("everstep"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def peer():
    """Starts peers of `peers/`; each runs until the module's tests have ended."""
    started = {}

    def start(script, *arguments, python=sys.executable):
        key = (script, *arguments)
        if key not in started:
            started[key] = Peer(PEERS / script, *arguments, python=python)
        return started[key]

    yield start
    for one in started.values():
        one.close()


@pytest.fixture(scope="session")
def python_of_a2a03():
    """The Python that has the SDK of A2A 0.3, made where the other virtual environment is."""
    wanted = (ROOT / "tests/agents/a2a03.txt").read_text()
    folder = ROOT / ".xtask/venv-a2a03"
    python, mark = folder / "bin/python", folder / "installed.txt"
    if not mark.exists() or mark.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", ROOT / "tests/agents/a2a03.txt"], check=True)
        mark.write_text(wanted)
    return str(python)

"""The process of `tests/crash-server`: a server that crashes where it is told to, and goes on."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from served import Gone, free_port

# It ends before a commit; it ends when the commit is durable; the workers are killed at that moment.
BLOWS = ("before", "after", "worker")


class CrashServer:
    """One process, on a folder of its own."""

    def __init__(self, binary: str, folder: Path, skips: bool) -> None:
        self.log = folder / "server.log"
        command = [binary, "--listen", f"127.0.0.1:{free_port()}", "--data", str(folder / "data"), "--python", sys.executable]
        command += ["--skip"] if skips else []
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("everstep ready "):
            raise Gone(f"the server does not start: {self.log.read_text()[-1500:]}")
        self.endpoint = line.split()[2]
        self.lock = threading.Lock()

    def tell(self, command: str) -> list[str]:
        with self.lock:
            print(command, file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline().split()
        if not answer or answer[0] == "error":
            raise Gone(f"{command}: {answer}; {self.log.read_text()[-1500:]}")
        return answer

    def alive(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

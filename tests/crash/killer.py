"""Ends the real binary at one of its writes: `kill_at_write.c`, loaded into it by LD_PRELOAD, and told from here when."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parent / "kill_at_write.c"
CALLS, NAMED, HEAD = 4096, 128, 64
BLOWS = ("before", "after", "half")
ARMED, COUNT, AT, BLOW, PID = range(0, 20, 4)


def compiled(folder: Path, binary: str) -> Path | str:
    """The library, or why this binary can't be killed by one on this machine."""
    if not sys.platform.startswith("linux"):
        return f"{sys.platform} has no LD_PRELOAD"
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return "no C compiler (cc) is installed"
    library = folder / "kill_at_write.so"
    done = subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], capture_output=True, text=True)
    if done.returncode != 0:
        return f"{compiler} can't compile {SOURCE.name}: {done.stderr.strip()[-300:]}"
    killer = Killer(library, folder, folder / "tried")
    try:
        subprocess.run([binary, "--version"], env={**os.environ, **killer.environment}, capture_output=True, check=True)
        return library if killer.read(PID) else f"{binary} loads nothing by LD_PRELOAD: is it linked statically?"
    finally:
        killer.close()


class Killer:
    """What is shared with the process that is to be ended. Every life of a server begins disarmed."""

    def __init__(self, library: Path, folder: Path, control: Path):
        self.file = control.open("w+b")
        self.file.truncate(HEAD + CALLS * NAMED)
        self.shared = mmap.mmap(self.file.fileno(), HEAD + CALLS * NAMED)
        self.environment = {
            "LD_PRELOAD": str(library),
            "EVERSTEP_KILL_FOLDER": str(folder.resolve()),
            "EVERSTEP_KILL_CONTROL": str(control),
        }

    def read(self, place: int) -> int:
        return struct.unpack_from("<I", self.shared, place)[0]

    def put(self, place: int, value: int) -> None:
        struct.pack_into("<I", self.shared, place, value)

    def disarm(self) -> None:
        self.put(ARMED, 0)
        self.put(AT, 0)

    def arm(self, at: int = 0, blow: str = "before") -> None:
        """Counts from here on; ends the process at call number `at`, unless that is 0."""
        self.disarm()
        self.put(COUNT, 0)
        self.put(AT, at)
        self.put(BLOW, BLOWS.index(blow))
        self.put(ARMED, 1)

    def is_armed(self) -> bool:
        return bool(self.read(ARMED))

    @property
    def count(self) -> int:
        return self.read(COUNT)

    def is_loaded(self, process: int) -> bool:
        return self.read(PID) == process

    def calls(self) -> list[str]:
        """What was counted, in words."""
        number = min(self.count, CALLS)
        names = (self.shared[HEAD + place * NAMED : HEAD + (place + 1) * NAMED] for place in range(number))
        return [name.split(b"\0", 1)[0].decode(errors="replace") for name in names]

    def close(self) -> None:
        self.shared.close()
        self.file.close()

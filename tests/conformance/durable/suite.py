"""AWS's conformance suite: where it comes from and which requirements it holds.

Nothing of the suite is part of this repository. It is fetched once from the package index into an ignored folder and
imported from there; its own validator judges every case.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import yaml

PACKAGE = "aws_durable_execution_conformance_tests"
VERSION = "1.0.0"
REPOSITORY = Path(__file__).resolve().parents[3]
CACHE = REPOSITORY / ".xtask" / f"durable-suite-{VERSION}"


@dataclass(frozen=True)
class Requirement:
    """One requirement file: `id` is its stem (such as `1-6`), `suite` the folder it lies in."""

    id: str
    suite: str
    path: Path
    description: str

    @property
    def sort_key(self) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", self.id)]


def obtain(cache: Path = CACHE) -> Path:
    """Returns the folder to put on `sys.path` for importing the suite, downloading the wheel when it is not there yet.

    `pip install` is no way: the package's metadata asks for Python 3.14, its modules run on 3.11.
    """
    if (cache / PACKAGE / "validate.py").is_file():
        return cache
    cache.parent.mkdir(parents=True, exist_ok=True)
    # Suites run side by side: each makes its own, and the first one's stays.
    with tempfile.TemporaryDirectory(dir=cache.parent) as fresh:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--python-version", "3.14", "--only-binary=:all:", "--no-deps",
             "--dest", fresh, f"{PACKAGE.replace('_', '-')}=={VERSION}"],
            check=True,
        )  # fmt: skip
        wheel = next(Path(fresh).glob("*.whl"))
        whole = Path(fresh) / "whole"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(whole)
        try:
            whole.rename(cache)
        except OSError:
            if not (cache / PACKAGE / "validate.py").is_file():
                raise
    return cache


def released_requirements(cache: Path) -> Path:
    """The requirement files that the released package carries."""
    return cache / PACKAGE / "test_requirements"


def newer(requirements_root: Path) -> Path | None:
    """The suite's own source in the checkout that the requirement files belong to: newer files want their own validator."""
    for folder in [requirements_root.resolve(), *list(requirements_root.resolve().parents)[:4]]:
        for source in (folder, folder / "src", *sorted(folder.glob("packages/*/src"))):
            if (source / PACKAGE / "validate.py").is_file():
                return source
        if (folder / ".git").exists():
            return None
    return None


def requirements(root: Path) -> list[Requirement]:
    """All requirement files below `root`, in the order of their numbers. The suite is the folder that a file lies in."""
    found: dict[str, Requirement] = {}
    for path in sorted([*root.rglob("*.yaml"), *root.rglob("*.yml")]):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError:
            continue  # A template with CloudFormation's tags, or no requirement at all.
        if isinstance(content, dict) and "ExpectedExecutionHistory" in content:
            description = str(content.get("description", "")).strip()
            found.setdefault(path.stem, Requirement(path.stem, path.resolve().parent.name, path, description))
    return sorted(found.values(), key=lambda requirement: requirement.sort_key)


def matches(requirement: Requirement, only: list[str]) -> bool:
    """Whether `--only` selects the requirement: by full id (`1-6`) or by suite number (`1`)."""
    return not only or any(requirement.id == wanted or requirement.id.startswith(f"{wanted}-") for wanted in only)

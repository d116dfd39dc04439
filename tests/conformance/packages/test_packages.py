"""What `--handlers` makes of an SDK's own conformance package: templates read, code found or built, the rest left out aloud."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
DURABLE = HERE.parent / "durable"
POLYGLOT = HERE / "polyglot"
sys.path.insert(0, str(DURABLE))

import build  # noqa: E402
import sam  # noqa: E402
import selection  # noqa: E402
import suite as suites  # noqa: E402
from catalog import Function  # noqa: E402


def test_references_and_intrinsics_become_variables() -> None:
    function = sam.templates(POLYGLOT).functions["step.StepBasic"]
    assert function.env == {
        "SHARED": "everywhere",
        "GREETING": "Hello",
        "OWN_NAME": "${step.StepBasic}",
        "QUALIFIED": "${step.StepNamed.Arn}:$LATEST",
        "JOINED": "${step.StepNamed.Arn}:$LATEST",
        "LITERAL": "${NotAParameter}-${AWS::Region}",
        "CHOSEN": "b",
    }
    assert (function.runtime, function.timeout_seconds) == ("python3.13", 30)
    assert function.durable == {"RetentionPeriodInDays": 7, "ExecutionTimeout": 300}


def test_parameters_can_be_given() -> None:
    catalog = sam.templates(POLYGLOT, {"Runtime": "python3.14"})
    assert catalog.functions["step.StepBasic"].runtime == "python3.14"
    assert catalog.functions["step.StepNamed"].runtime == "nodejs22.x"


def test_what_is_ignored_is_said() -> None:
    assert sam.templates(POLYGLOT).notes == ["step: Layers of StepBasic is ignored"]


def test_a_template_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "template_step.yaml").write_text((POLYGLOT / "template_step.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "template_wait.yaml").write_text("Resources: [", encoding="utf-8")
    catalog = sam.templates(tmp_path)
    assert "1-1" in catalog.answers
    assert any(note.startswith("template_wait.yaml cannot be read") for note in catalog.notes)


def test_targets_come_before_those_that_refer_to_them() -> None:
    catalog = sam.templates(POLYGLOT)
    assert catalog.with_targets(["step.StepBasic"]) == ["step.StepNamed", "step.StepBasic"]


def test_requirements_that_cannot_run_are_counted_with_their_reason(tmp_path: Path) -> None:
    folder = tmp_path / "step"
    folder.mkdir()
    for case in ("1-1", "1-3", "1-6"):
        (folder / f"{case}.yaml").write_text("ExpectedExecutionHistory: []\n", encoding="utf-8")
    (tmp_path / "map").mkdir()
    (tmp_path / "map" / "9-1.yaml").write_text("ExpectedExecutionHistory: []\n", encoding="utf-8")
    catalog = sam.templates(POLYGLOT)
    chosen = selection.select(suites.requirements(tmp_path), catalog, [], [], POLYGLOT)
    assert [requirement.id for requirement in chosen.to_run] == ["1-1"]
    reasons = {outcome.requirement.id: outcome.reason for outcome in chosen.skipped}
    assert reasons["1-3"] == "not implemented by the SDK: left out on purpose"
    assert reasons["1-6"] == "no handler"
    assert reasons["9-1"] == "polyglot has no template for this suite"
    assert "1-999" in reasons
    with pytest.raises(selection.Unknown):
        selection.select(suites.requirements(tmp_path), catalog, ["stp"], [], POLYGLOT)


def test_a_language_without_its_tools_is_skipped_and_lost_code_is_broken() -> None:
    catalog = sam.templates(POLYGLOT)
    functions = [catalog.functions[f"step.{name}"] for name in ("StepBasic", "StepNamed", "StepNested", "StepNull")]
    build.prepare(functions, build.Tools())
    basic, named, nested, null = functions
    assert basic.code is not None and (basic.code / "step" / "basic.py").is_file()
    assert "Node 22 is not installed" in named.skip
    assert "ruby3.4" in nested.skip
    assert "step.absent.handler" in null.broken


NATIVE = """
Resources:
  BuiltAlready:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: publish/built_already/, Handler: bootstrap, Runtime: provided.al2023}
  StepBasic:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: makefile}
    Properties: {CodeUri: publish/step_basic/, Handler: bootstrap, Runtime: provided.al2023}
  Lost:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: publish/lost/, Handler: bootstrap, Runtime: provided.al2023}
"""


def started(function: Function) -> str:
    assert function.code is not None, function.broken or function.skip
    return subprocess.run([function.code / "bootstrap"], capture_output=True, text=True, check=True).stdout.strip()


needs_cargo = pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not on this machine")


@pytest.fixture
def built_aside(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds in a folder that goes with the test, not in the checkout's own."""
    monkeypatch.setattr(build, "place", lambda _package, language: tmp_path_factory.mktemp(language))


@needs_cargo
@pytest.mark.usefixtures("built_aside")
def test_programs_are_taken_as_built_or_built_by_cargo(tmp_path: Path) -> None:
    (tmp_path / "template_step.yaml").write_text(NATIVE, encoding="utf-8")
    built = tmp_path / "publish" / "built_already" / "bootstrap"
    built.parent.mkdir(parents=True)
    built.write_text("#!/bin/sh\necho taken\n", encoding="utf-8")
    built.chmod(0o755)
    (tmp_path / "Cargo.toml").write_text('[workspace]\nmembers = ["step/*"]\nresolver = "2"\n', encoding="utf-8")
    crate = tmp_path / "step" / "step_basic"
    (crate / "src").mkdir(parents=True)
    (crate / "Cargo.toml").write_text('[package]\nname = "step-basic"\nversion = "0.0.0"\nedition = "2021"\n', encoding="utf-8")
    (crate / "src" / "main.rs").write_text('fn main() { println!("built"); }\n', encoding="utf-8")
    catalog = sam.templates(tmp_path)
    build.prepare(list(catalog.functions.values()), build.Tools())
    assert started(catalog.functions["step.BuiltAlready"]) == "taken"
    assert started(catalog.functions["step.StepBasic"]) == "built"
    assert "publish/lost/" in catalog.functions["step.Lost"].broken


@needs_cargo
@pytest.mark.usefixtures("built_aside")
def test_code_that_does_not_compile_fails_with_what_the_compiler_said(tmp_path: Path) -> None:
    (tmp_path / "template_step.yaml").write_text(NATIVE, encoding="utf-8")
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "step-basic"\nversion = "0.0.0"\nedition = "2021"\n', encoding="utf-8")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.rs").write_text("fn main() { lost() }\n", encoding="utf-8")
    function = sam.templates(tmp_path).functions["step.StepBasic"]
    build.prepare([function], build.Tools())
    assert "cannot find function `lost`" in function.broken


def test_a_package_runs_in_its_own_languages(tmp_path: Path) -> None:
    modules = Path(os.environ.get("EVERSTEP_NODE_MODULES") or ROOT / ".xtask/durable-js/node_modules")
    if not modules.is_dir():
        pytest.skip("no Node 22 with the JavaScript SDK: `cargo xtask conformance durable-js` installs it")
    done = subprocess.run(
        [sys.executable, str(DURABLE / "run.py"), "--handlers", str(POLYGLOT), "--only", "1-1,1-2,1-3,1-4,1-5,1-999", "--node-modules", str(modules)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert any(line.startswith("passed  1-1 ") for line in lines), done.stdout
    assert any(line.startswith("failed  1-5 ") for line in lines), done.stdout
    assert any("Layers of StepBasic is ignored" in line for line in lines), done.stdout
    assert any("ruby3.4" in line for line in lines), done.stdout
    assert lines[-1] == "2 passed, 1 failed, 3 skipped", done.stdout
    assert done.returncode == 1

"""The commands of `everstep afl` as people and scripts use them: sources, options, output, exit codes."""

import json
import os
import pathlib
import shlex
import subprocess
import xml.etree.ElementTree

import pytest

ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("EVERSTEP_BIN", str(ROOT / "target" / "debug" / "everstep"))
FOLDER = "examples/aws-lambda/afl"
SEED = """everstep afl --primary examples/aws-lambda/afl/lambda_workflows.afl --library examples/aws-lambda/afl/lambda_types.afl --library examples/aws-lambda/afl/lambda_mixins.afl --library examples/aws-lambda/afl/lambda_functions.afl --library examples/aws-lambda/afl/lambda_stepfunctions.afl --check"""
BROKEN = 'namespace n {\n    facet F(a: Strin) => (b: Long) andThen {\n        yield F(b = $.c)\n    }\n}\n'


def afl(*words, text="", cwd=ROOT):
    return subprocess.run([BINARY, "afl", *map(str, words)], input=text, capture_output=True, text=True, cwd=cwd, timeout=60)


def test_the_commands_of_the_readme():
    for command in [
        SEED,
        "everstep afl check examples/aws-lambda/afl",
        "everstep afl fmt --check examples/aws-lambda/afl",
    ]:
        assert " ".join(command.split()) in " ".join((ROOT / "examples/aws-lambda/README.md").read_text().replace("\\\n", " ").split())
        done = afl(*shlex.split(command)[2:])
        assert done.returncode == 0, done.stderr
    assert "OK: 5 source(s) parsed successfully" in afl(*shlex.split(SEED)[2:]).stderr


def test_compiling_gives_the_same_bytes_every_time(tmp_path):
    first = afl("compile", FOLDER)
    assert first.returncode == 0 and first.stdout == afl(FOLDER).stdout
    program = json.loads(first.stdout)
    assert [n["name"] for n in program["declarations"]][0] == "aws.lambda" and "location" in program
    out = tmp_path / "out.json"
    done = afl("compile", "--compact", "--no-locations", "-o", out, FOLDER)
    assert (done.returncode, done.stdout) == (0, "")
    assert out.read_text().count("\n") == 1 and "location" not in json.loads(out.read_text())
    shown = json.loads(afl("compile", "--include-provenance", FOLDER + "/lambda_mixins.afl").stdout)
    place = shown["declarations"][0]["location"]
    assert place["provenance"] == {"type": "file", "path": FOLDER + "/lambda_mixins.afl"}


def test_resolved_programs_tell_targets_order_and_policies():
    program = json.loads(afl("compile", "--resolved", FOLDER).stdout)
    (workflow,) = [f for f in program["facets"] if f["name"] == "aws.lambda.workflows.BlueGreenDeploy"]
    invoked = workflow["blocks"][0]["steps"][1]
    assert invoked["target"] == "aws.lambda.InvokeFunction"
    assert invoked["after"] == [{"step": "updated", "why": "declared"}]
    settings = {(p["name"], s["name"]): (s["value"].get("value"), s["source"]) for p in invoked["policies"] for s in p["settings"]}
    assert settings[("Retry", "backoffMs")] == (2000, "call")
    assert settings[("Tracing", "mode")] == ("Active", "implicit defaultTracing")
    by_data = json.loads(afl("compile", "--resolved", "--order", "data", FOLDER).stdout)
    assert by_data["planHash"] != program["planHash"]


def test_sources_come_from_files_directories_and_standard_input(tmp_path):
    assert afl("check", "-", text="facet F()").returncode == 0
    assert afl("check", text="facet F()").returncode == 0
    (tmp_path / "inner").mkdir()
    (tmp_path / "main.afl").write_text("namespace a { use b.c\n facet F() }")
    (tmp_path / "inner" / "lib.ffl").write_text("namespace b.c { }")
    assert "OK: 2 source(s)" in afl("check", tmp_path).stderr
    assert afl("check", tmp_path / "main.afl").returncode == 1
    assert "OK: 2 source(s)" in afl("check", "--auto-resolve", tmp_path / "main.afl").stderr
    assert "OK: 2 source(s)" in afl("check", "--source-path", tmp_path / "inner", tmp_path / "main.afl").stderr


@pytest.mark.parametrize(
    "words, code, said",
    [
        (["check", "missing.afl"], 1, "Error: File not found: missing.afl"),
        (["compile", "--nonsense"], 2, "--nonsense"),
        (["compile", "a.afl", "--primary", "b.afl"], 2, "cannot be combined"),
        (["compile", "--library", "b.afl"], 2, "--primary"),
        (["compile", "--primary", "b.afl", "--mongo", "1:x"], 1, "MongoDB"),
        (["compile", "--primary", "b.afl", "--maven", "g:a:1"], 1, "Maven"),
        (["graph", FOLDER, "--of", "Nobody"], 1, "Nobody"),
        (["graph", FOLDER, "--format", "svg"], 2, "--of"),
    ],
)
def test_what_cannot_be_done_is_said(words, code, said):
    done = afl(*words)
    assert done.returncode == code and said in done.stderr, done.stderr


def test_findings_as_text_json_and_sarif():
    text = afl("check", text=BROKEN)
    assert text.returncode == 1 and text.stdout == ""
    assert "error[REF_UNKNOWN_TYPE]" in text.stderr and "did you mean `String`?" in text.stderr and "2 errors" in text.stderr
    lines = [json.loads(line) for line in afl("check", "--diagnostics", "json", text=BROKEN).stderr.splitlines()]
    assert [(d["rule"], d["phase"], d["line"], d["column"]) for d in lines] == [("REF_UNKNOWN_TYPE", "validate", 2, 16), ("REF_INVALID_INPUT", "validate", 3, 23)]
    assert lines[0]["fix"]["edits"][0]["text"] == "String"
    sarif = json.loads(afl("check", "--diagnostics", "sarif", text=BROKEN).stderr)
    (run,) = sarif["runs"]
    assert sarif["version"] == "2.1.0" and [r["ruleId"] for r in run["results"]] == ["REF_UNKNOWN_TYPE", "REF_INVALID_INPUT"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 2, "startColumn": 16, "endLine": 2, "endColumn": 21}
    plain = afl("check", "--message-format", "reference", text=BROKEN).stderr.splitlines()
    assert plain[1] == "Error: Invalid input reference '$.c': no parameter named 'c' at line 3, column 23"


def test_only_the_reference_verdict_counts_under_conformance():
    stricter = "namespace n {\n    workflow W() andThen {\n        x = Nowhere()\n    }\n}\n"
    assert afl("check", text=stricter).returncode == 1
    done = afl("check", "--conformance", text=stricter)
    assert done.returncode == 0 and "warning[UNKNOWN_FACET]" in done.stderr
    assert afl("check", "--conformance", "--deny-warnings", text=stricter).returncode == 1
    newer = "namespace n {\n    facet F(a: String) andThen {\n        sys.log(a = $.a)\n    }\n}\n"
    assert afl("check", "--conformance", "--dialect", "afl", text=newer).returncode == 1
    assert afl("check", "--conformance", "--dialect", "ffl", text=newer).returncode == 0


def test_formatting_in_place(tmp_path):
    path = tmp_path / "a.afl"
    path.write_text("facet   F( a:Long )")
    assert afl("fmt", "--check", path).returncode == 1 and path.read_text() == "facet   F( a:Long )"
    assert afl("fmt", "--stdout", path).stdout == "facet F(a: Long)\n"
    assert afl("fmt", path).returncode == 0 and path.read_text() == "facet F(a: Long)\n"
    assert afl("fmt", "--check", path).returncode == 0
    assert afl("fmt", text="facet(").returncode == 1


def test_graphs_in_every_format():
    mermaid = afl("graph", FOLDER).stdout
    assert mermaid.count("flowchart LR") == 4 and "n1 -.-> n2" in mermaid
    assert "-.->" not in afl("graph", FOLDER, "--order", "data").stdout
    assert afl("graph", FOLDER, "--format", "dot", "--of", "BatchProcessor").stdout.startswith("digraph")
    svg = afl("graph", FOLDER, "--format", "svg", "--of", "aws.lambda.workflows.BatchProcessor").stdout
    texts = [e.text for e in xml.etree.ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert "foreach item in $.items" in texts and "Retry: maxAttempts 2, backoffMs 500" in texts


def test_every_rule_is_explained():
    def explain(name):
        return subprocess.run([BINARY, "explain", name], capture_output=True, text=True, timeout=60)

    assert explain("AFL-R06").stdout.startswith("# REF_UNKNOWN_FACET")
    assert explain("unused_step").stdout.startswith("# UNUSED_STEP")
    assert explain("AFL-R99").returncode != 0

#!/usr/bin/env python3
"""Runs AWS's conformance suite for Lambda durable functions against an endpoint.

    python tests/conformance/durable/run.py --endpoint http://127.0.0.1:3001 [--suite step wait] [--only 1-6] [-v]

The suite's own validator judges; the functions are ours (`handlers/`, listed in `functions.toml`, or another `--table`) or, with
`--handlers DIR`, those of an SDK's own conformance package. The last line is `N passed, N failed, N skipped`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import build  # noqa: E402
import catalog as catalogs  # noqa: E402
import counters  # noqa: E402
import report  # noqa: E402
import sam  # noqa: E402
import selection  # noqa: E402
import stand_ins  # noqa: E402
import suite as suites  # noqa: E402

REGION = "us-west-2"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="AWS's durable-functions conformance suite against an endpoint")
    parser.add_argument("--endpoint", default=os.environ.get("EVERSTEP_ENDPOINT"), help="http://127.0.0.1:PORT (or EVERSTEP_ENDPOINT)")
    parser.add_argument("--region", default=REGION)
    parser.add_argument(
        "--suite",
        nargs="+",
        action="extend",
        default=[],
        help="suites, apart or with commas, or `all`; default: those enabled in the table, or all that the package has",
    )
    parser.add_argument("--only", default="", help="comma-separated requirement ids (1-6) or suite numbers (1)")
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--table", type=Path, default=HERE / "functions.toml", help="which of our handlers answers which requirement")
    parser.add_argument("--program", type=Path, help="the compiled program of a table whose handlers are one")
    parser.add_argument("--requirements", type=Path, help="a folder of requirement files instead of the released ones")
    parser.add_argument("--handlers", type=Path, help="an SDK's conformance package: template_<suite>.yaml files and code")
    parser.add_argument("--parameter", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help="parameters of its templates")
    parser.add_argument(
        "--node-modules",
        type=Path,
        default=os.environ.get("EVERSTEP_NODE_MODULES"),
        help="a node_modules folder with Node 22, esbuild and the JavaScript SDK (or EVERSTEP_NODE_MODULES)",
    )
    parser.add_argument("--history", type=Path, help="keep the execution histories here")
    parser.add_argument("--junit", type=Path, help="write a JUnit file")
    parser.add_argument("--keep", action="store_true", help="do not delete the functions afterwards")
    parser.add_argument("--setup", action="store_true", help="only fetch the suite")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the validator's progress")
    return parser.parse_args()


def split(text: str) -> list[str]:
    return [part for part in (piece.strip() for piece in text.split(",")) if part]


class Run:
    """One run: the clients, the created functions and the folder for histories and event files."""

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        self.options = options
        self.work = work
        self.lambda_client = stand_ins.client("lambda", options.endpoint, options.region)
        self.registered = catalogs.Registered()
        self._lines = threading.local()

    def clients(self) -> dict[str, Any]:
        logs = stand_ins.client("logs", self.options.endpoint, self.options.region)
        client = stand_ins.OnceSuspended(self.lambda_client)
        return {"lambda": client, "cloudformation": stand_ins.CloudFormation(self.registered.names), "logs": logs}

    def tell(self, *words: Any, **_: Any) -> None:
        """Takes the place of `print` in the validator: progress goes to the case that the thread works on."""
        self._lines.progress.append(" ".join(str(word) for word in words).strip())

    def case(self, requirement: suites.Requirement, key: str) -> report.Outcome:
        from aws_durable_execution_conformance_tests import validate

        self._lines.progress = []
        started = time.monotonic()
        outcome = report.Outcome(requirement, report.FAILED, progress=self._lines.progress)
        if key in self.registered.refused:
            outcome.errors = [f"the function was not created: {self.registered.refused[key]}"]
            return outcome
        try:
            result = validate.validate_description(
                function_name=key,
                description_id=requirement.id,
                test_file=str(requirement.path),
                invoker=stand_ins.Invoker(self.lambda_client, self.registered.names),
                tmp_dir=str(self.work),
                region=self.options.region,
                aws_clients=self.clients(),
                output_dir=str(self.work),
            )
        except Exception:  # noqa: BLE001 (whatever the validator or the endpoint does to us fails this case only)
            outcome.errors = traceback.format_exc().splitlines()
        else:
            outcome.state = report.PASSED if result.passed else report.FAILED
            outcome.errors = list(result.errors)
            outcome.optional = bool(getattr(result, "optional", False))
            outcome.placeholders = dict(result.placeholders)
        outcome.seconds = time.monotonic() - started
        outcome.history = self.work / f"{requirement.id}.json"
        if outcome.state == report.FAILED and outcome.optional:
            outcome.state, outcome.reason = report.SKIPPED, "optional in the suite, and failed"
        return outcome

    def all(self, requirements: list[suites.Requirement], catalog: catalogs.Catalog, verbose: bool) -> list[report.Outcome]:
        from aws_durable_execution_conformance_tests import cloudwatch, validate

        validate.print = self.tell
        stand_ins.hurry(validate, cloudwatch)
        outcomes = []
        with ThreadPoolExecutor(self.options.workers) as pool:
            running = [pool.submit(self.case, requirement, catalog.answers[requirement.id]) for requirement in requirements]
            for finished in as_completed(running):
                outcomes.append(finished.result())
                report.show(outcomes[-1], verbose)
        return outcomes


def read(options: argparse.Namespace) -> catalogs.Catalog:
    """Our table or an SDK's templates, with a word about what is ignored in them."""
    if not options.handlers:
        return catalogs.own(options.table)
    parameters = dict(word.split("=", 1) for word in options.parameter)
    catalog = sam.templates(options.handlers.resolve(), parameters)
    for note in catalog.notes:
        print(f"note: {note}", flush=True)
    return catalog


def obtain(options: argparse.Namespace) -> Path:
    """Puts the suite on `sys.path`, the checkout's own when the requirements come from one; answers the requirements' folder."""
    newer = suites.newer(options.requirements) if options.requirements else None
    source = newer or suites.obtain()
    sys.path.insert(0, str(source))
    if newer:
        print(f"note: the validator is the one beside the requirements, {newer}", flush=True)
    return options.requirements or suites.released_requirements(source)


def execute(options: argparse.Namespace, catalog: catalogs.Catalog, chosen: selection.Selection) -> list[report.Outcome] | None:
    """Builds, registers and runs what was chosen; `None` when the endpoint cannot be used at all."""
    tools = build.Tools(program=options.program)
    if options.node_modules:
        tools.modules = options.node_modules.resolve()
        tools.node = next(iter(sorted(tools.modules.glob("node-*/bin/node"))), None)
    wanted = catalog.with_targets([catalog.answers[requirement.id] for requirement in chosen.to_run])
    for line in build.prepare([catalog.functions[key] for key in wanted], tools):
        print(f"note: {line}", flush=True)
    to_run, skipped = selection.without_skipped(chosen.to_run, catalog)
    with contextlib.ExitStack() as resources:
        work = options.history or Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="conformance-")))
        work.mkdir(parents=True, exist_ok=True)
        variables = {"AWS_ENDPOINT_URL_DYNAMODB": resources.enter_context(counters.Counters()).address} if catalog.tables else {}
        run = Run(options, work)
        wanted = [catalog.answers[requirement.id] for requirement in to_run]
        try:
            run.registered = catalogs.register(catalog, wanted, run.lambda_client, variables, options.region)
        except BotoCoreError as error:
            print(f"{options.endpoint} cannot be used: {error}", file=sys.stderr)
            return None
        outcomes = chosen.skipped + skipped + run.all(to_run, catalog, options.verbose)
        if not options.keep:
            catalogs.unregister(run.registered, run.lambda_client)
        outcomes.sort(key=lambda outcome: outcome.requirement.sort_key)
        if options.junit:
            report.junit(outcomes, options.junit)
    return outcomes


def main() -> int:
    options = arguments()
    if options.setup:
        suites.obtain()
        return 0
    if not options.endpoint:
        print("no endpoint: give --endpoint http://127.0.0.1:PORT", file=sys.stderr)
        return 2
    if options.program and not os.access(options.program, os.X_OK):
        print(f"{options.program} is not a program", file=sys.stderr)
        return 2
    try:
        catalog = read(options)
        everything = suites.requirements(obtain(options))
        named = [name for word in options.suite for name in split(word)]
        chosen = selection.select(everything, catalog, named, split(options.only), options.handlers)
    except (FileNotFoundError, selection.Unknown) as error:
        print(error, file=sys.stderr)
        return 2
    outcomes = execute(options, catalog, chosen)
    if outcomes is None:
        return 2
    for line in report.skipped_reasons(outcomes):
        print(line)
    print(report.summary(outcomes))
    return 1 if report.count(outcomes, report.FAILED) or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Runs AWS's conformance suite for Lambda durable functions against an endpoint.

    python tests/conformance/durable/run.py --endpoint http://127.0.0.1:3001 [--suite step,wait] [--only 1-6] [-v]

The suite's own validator judges; the functions are ours (`handlers/`, listed in `functions.toml`) or, with `--handlers DIR`,
those of an SDK's own conformance package. The last line is `N passed, N failed, N skipped` over all requirements.
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

import catalog as catalogs  # noqa: E402
import counters  # noqa: E402
import report  # noqa: E402
import stand_ins  # noqa: E402
import suite as suites  # noqa: E402

REGION = "us-west-2"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="AWS's durable-functions conformance suite against an endpoint")
    parser.add_argument("--endpoint", default=os.environ.get("EVERSTEP_ENDPOINT"), help="http://127.0.0.1:PORT (or EVERSTEP_ENDPOINT)")
    parser.add_argument("--region", default=REGION)
    parser.add_argument("--suite", default="", help="comma-separated suites, or `all`; default: those enabled in functions.toml")
    parser.add_argument("--only", default="", help="comma-separated requirement ids (1-6) or suite numbers (1)")
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--requirements", type=Path, help="a folder of requirement files instead of the released ones")
    parser.add_argument("--handlers", type=Path, help="an SDK's conformance package: template_<suite>.yaml files and built code")
    parser.add_argument(
        "--logs",
        type=Path,
        default=os.environ.get("EVERSTEP_LOGS"),
        help="captured logs, <function name>.log each (or EVERSTEP_LOGS); default: the endpoint's FilterLogEvents",
    )
    parser.add_argument("--history", type=Path, help="keep the execution histories here")
    parser.add_argument("--junit", type=Path, help="write a JUnit file")
    parser.add_argument("--keep", action="store_true", help="do not delete the functions afterwards")
    parser.add_argument("--setup", action="store_true", help="only fetch the suite")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the validator's progress")
    return parser.parse_args()


def split(text: str) -> list[str]:
    return [part for part in (piece.strip() for piece in text.split(",")) if part]


def why_skipped(requirement: suites.Requirement, catalog: catalogs.Catalog, selected: set[str], only: list[str]) -> str:
    """The reason for not running a requirement, or an empty string when it is to run."""
    if requirement.suite not in selected:
        return "suite not selected"
    if not suites.matches(requirement, only):
        return "not selected by --only"
    if requirement.id in catalog.absent:
        return catalog.absent[requirement.id]
    return "" if requirement.id in catalog.answers else "no handler"


class Run:
    """One run: the clients, the created functions and the folder for histories and event files."""

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        self.options = options
        self.work = work
        self.lambda_client = stand_ins.client("lambda", options.endpoint, options.region)
        self.registered = catalogs.Registered()
        self._lines = threading.local()

    def clients(self) -> dict[str, Any]:
        logs = (
            stand_ins.LogFiles(self.options.logs)
            if self.options.logs
            else stand_ins.client("logs", self.options.endpoint, self.options.region)
        )
        return {"lambda": self.lambda_client, "cloudformation": stand_ins.CloudFormation(self.registered.names), "logs": logs}

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
            outcome.placeholders = dict(result.placeholders)
        outcome.seconds = time.monotonic() - started
        outcome.history = self.work / f"{requirement.id}.json"
        return outcome

    def all(self, requirements: list[suites.Requirement], catalog: catalogs.Catalog, verbose: bool) -> list[report.Outcome]:
        from aws_durable_execution_conformance_tests import cloudwatch, validate

        validate.print = self.tell
        # Captured logs are complete when the execution has ended; CloudWatch needs its ten seconds.
        cloudwatch.CloudWatchLogRetriever.EVENT_POLL_TIMEOUT_SECONDS = 1.0
        outcomes = []
        with ThreadPoolExecutor(self.options.workers) as pool:
            running = [pool.submit(self.case, requirement, catalog.answers[requirement.id]) for requirement in requirements]
            for finished in as_completed(running):
                outcomes.append(finished.result())
                report.show(outcomes[-1], verbose)
        return outcomes


def main() -> int:
    options = arguments()
    cache = suites.obtain()
    sys.path.insert(0, str(cache))
    if options.setup:
        return 0
    if not options.endpoint:
        print("no endpoint: give --endpoint http://127.0.0.1:PORT", file=sys.stderr)
        return 2
    catalog = catalogs.templates(options.handlers) if options.handlers else catalogs.own(HERE / "functions.toml")
    everything = suites.requirements(options.requirements or suites.released_requirements(cache))
    known = {requirement.suite for requirement in everything}
    selected = set(split(options.suite)) or catalog.enabled
    selected = known if "all" in selected else selected
    if unknown := selected - known - (catalog.enabled if not options.suite else set()):
        print(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    only = split(options.only)
    reasons = [(requirement, why_skipped(requirement, catalog, selected, only)) for requirement in everything]
    to_run = [requirement for requirement, reason in reasons if not reason]
    outcomes = [report.Outcome(requirement, report.SKIPPED, reason=reason) for requirement, reason in reasons if reason]
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
            return 2
        outcomes += run.all(to_run, catalog, options.verbose)
        if not options.keep:
            catalogs.unregister(run.registered, run.lambda_client)
        outcomes.sort(key=lambda outcome: outcome.requirement.sort_key)
        if options.junit:
            report.junit(outcomes, options.junit)
    for line in report.skipped_reasons(outcomes):
        print(line)
    print(report.summary(outcomes))
    return 1 if report.count(outcomes, report.FAILED) or not to_run else 0


if __name__ == "__main__":
    sys.exit(main())

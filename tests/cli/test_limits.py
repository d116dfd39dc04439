"""Bounds of an execution, as `everstep dev` is told them."""

from __future__ import annotations

from pathlib import Path

from conftest import Dev, create, everstep, until


def test_an_execution_above_its_bounds_fails_with_awss_text(tmp_path: Path) -> None:
    for flag, text in [
        (("--max-operations", "1"), "Durable execution cannot have more than 1 operations."),
        (("--max-execution-bytes", "12"), "Durable execution cannot hold more than 12 bytes of data."),
    ]:
        dev = Dev(tmp_path / flag[0].strip("-"), "--no-demo", *flag)
        try:
            create(dev)
            execution = dev.good("start", "many", "--input", "9").out.strip()
            until(lambda: dev.describe(execution)["execution"]["status"] == "FAILED", "it fails")
            assert text in str(dev.describe(execution)["error"])
        finally:
            dev.end()


def test_bounds_are_numbers_above_nothing() -> None:
    for flag in ("--max-operations", "--max-execution-bytes"):
        assert everstep("dev", flag, "0").code == 2

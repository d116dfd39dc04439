"""Which requirements a run is about, which of them run, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import suite as suites
from catalog import Catalog
from report import SKIPPED, Outcome
from suite import Requirement


class Unknown(Exception):
    """A suite was named that there is not."""


@dataclass
class Selection:
    to_run: list[Requirement] = field(default_factory=list)
    skipped: list[Outcome] = field(default_factory=list)


def select(everything: list[Requirement], catalog: Catalog, named: list[str], only: list[str], package: Path | None) -> Selection:
    """Requirements that were not asked for do not count; those asked for and not answered are skipped, each with its reason.

    `named` are suites, or `all`. With none, a table stands for its enabled suites, an SDK's `package` for everything there is:
    a suite without a template is skipped aloud. Requirements that the package brings itself are taken along.
    """
    everything = everything + _brought(everything, catalog, package)
    known = {requirement.suite for requirement in everything} | set(catalog.suites.values())
    if unknown := set(named) - known - {"all"}:
        raise Unknown(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    selected = known if "all" in named or (package and not named) else set(named) or catalog.enabled
    chosen = Selection()
    for requirement in everything:
        if requirement.suite not in selected or not suites.matches(requirement, only):
            continue
        reason = _why_not(requirement, catalog, package)
        if reason:
            chosen.skipped.append(Outcome(requirement, SKIPPED, reason=reason))
        else:
            chosen.to_run.append(requirement)
    there = {requirement.id for requirement in everything}
    for case, suite in catalog.suites.items():
        lost = Requirement(case, suite, Path(), "")
        if case not in there and suite in selected and suites.matches(lost, only):
            chosen.skipped.append(Outcome(lost, SKIPPED, reason="the template names a requirement that there is no file of"))
    return chosen


def _why_not(requirement: Requirement, catalog: Catalog, package: Path | None) -> str:
    if requirement.id in catalog.answers:
        return ""
    if requirement.id in catalog.absent:
        return catalog.absent[requirement.id]
    if package and requirement.suite not in catalog.enabled:
        return f"{package.name} has no template for this suite"
    return "no handler"


def _brought(everything: list[Requirement], catalog: Catalog, package: Path | None) -> list[Requirement]:
    """Requirement files in the package itself, of those ids that its templates name and the requirements' folder lacks."""
    lacking = catalog.answers.keys() - {requirement.id for requirement in everything}
    if package is None or not lacking:
        return []
    files = [path for case in sorted(lacking) for path in package.rglob(f"{case}.yaml") if "node_modules" not in path.parts]
    return [requirement for folder in {path.parent for path in files} for requirement in suites.requirements(folder) if requirement.id in lacking]


def without_skipped(to_run: list[Requirement], catalog: Catalog) -> tuple[list[Requirement], list[Outcome]]:
    """Takes out what the build had to leave out, a target of the function included."""
    running, skipped = [], []
    for requirement in to_run:
        functions = (catalog.functions[key] for key in catalog.with_targets([catalog.answers[requirement.id]]))
        reason = next((function.skip for function in functions if function.skip), "")
        if reason:
            skipped.append(Outcome(requirement, SKIPPED, reason=reason))
        else:
            running.append(requirement)
    return running, skipped

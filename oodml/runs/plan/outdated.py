"""What of a folder's plan is not what its spec would compute now: the spec or some code was changed."""

from __future__ import annotations

from dataclasses import dataclass

from oodml.core.hashing import canonical_json
from oodml.runs.plan.cell import Cell
from oodml.runs.plan.grid import grid
from oodml.runs.plan.plan_file import Plan
from oodml.runs.plan.spec import BenchmarkSpec


@dataclass(frozen=True)
class Outdated:
    """Differences between a plan and what the spec gives now, on the settings of the plan.

    Attributes:
        spec_changed: the spec is not the one the plan was made from.
        gone, new: number of cells that only the plan has, and that only the spec gives.
        other_code: cells of the plan that the spec still has, made with other code: title -> what
            changed, such as ``method triplet: version 1, now 2``.
    """

    spec_changed: bool
    gone: int
    new: int
    other_code: dict[str, str]


def outdated(plan: Plan, spec: BenchmarkSpec) -> Outdated:
    """Compare a folder's plan with a spec. Reads no data; needs the code of the spec's methods."""
    now = {_place(cell): cell for cell in grid(spec, plan.settings)}
    planned = {_place(cell): cell for cell in plan.cells}
    other_code = {
        cell.title: changes
        for place, cell in planned.items()
        if place in now and (changes := _changes(cell, now[place]))
    }
    return Outdated(
        spec_changed=plan.spec_sha256 != spec.sha256,
        gone=len(planned.keys() - now.keys()),
        new=len(now.keys() - planned.keys()),
        other_code=other_code,
    )


def _place(cell: Cell) -> tuple[object, ...]:
    """What a cell is, whatever code computes it."""
    tasks = [(task["name"], task["parameters"]) for task in cell.tasks]
    about = canonical_json([cell.hyper_parameters, cell.training, tasks])
    return cell.setting, cell.condition, cell.level, cell.draw, cell.method, cell.seed, about


def _changes(then: Cell, now: Cell) -> str:
    found = []
    if then.method_version != now.method_version:
        found.append(
            f"method {then.method}: version {then.method_version}, now {now.method_version}"
        )
    for old, new in zip(then.tasks, now.tasks, strict=True):
        if old["version"] != new["version"]:
            found.append(f"task {old['name']}: version {old['version']}, now {new['version']}")
    if then.protocol != now.protocol:
        found.append(f"protocol {then.protocol}, now {now.protocol}")
    for part in sorted(then.code.keys() | now.code.keys()):
        if then.code.get(part) != now.code.get(part):
            found.append(f"source of {part}")
    return "; ".join(found)

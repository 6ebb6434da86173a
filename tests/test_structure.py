"""No circle of imports between files, those inside functions and for type checkers included."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "oodml"


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, known: set[str]) -> set[str]:
    """Modules of the package that a file imports, at any depth of it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & known or {str(node.module)}
    return (found & known) - {module_name(path)}


def test_no_file_imports_itself_through_others() -> None:
    files = {module_name(path): path for path in PACKAGE.rglob("*.py")}
    # a package's __init__ only hands names on; the files behind them are what depends on each other
    modules = {name: path for name, path in files.items() if path.name != "__init__.py"}
    graph = {name: imported(path, set(modules)) for name, path in modules.items()}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise AssertionError(f"circle of imports: {' -> '.join(error.args[1])}") from None

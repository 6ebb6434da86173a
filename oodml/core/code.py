"""A hash of other people's code, so that what it computed is not taken for what it computes now.

oodml's own parts carry a version, which is raised by hand when a change moves numbers. Of a part that
comes from elsewhere nobody can be asked to do that, so its source takes part in a cell's identity:

* a package: every ``.py`` file of the whole package;
* a module on its own: the file, and the files beside it that it imports, and theirs;
* a script or a notebook: the source of the object and of what it names of the same script, for the rest
  of a script (the spec it runs, say) is changed all the time.

Files that are no Python and code that is made while running are not seen.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import types
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from oodml.core.modules import is_own

_LENGTH = 12


def code_id(part: Any) -> str:
    """12 hex digits of the hash of the code a class or function comes from; "" for oodml's own.

    A class's bases count where they are neither oodml's, torch's nor Python's.

    >>> code_id(code_id)
    ''
    """
    sources = list(dict.fromkeys(_sources(one) for one in _lineage(part)))
    if not sources:
        return ""
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()[:_LENGTH]


def code_ids(parts: Iterable[Any]) -> dict[str, str]:
    """``module.name`` -> ``code_id`` of those parts that are not oodml's own, sorted.

    >>> code_ids([code_id])
    {}
    """
    found = {}
    for part in parts:
        named = part if hasattr(part, "__qualname__") else type(part)  # a callable object
        found[f"{named.__module__}.{named.__qualname__}"] = code_id(named)
    return {name: found[name] for name in sorted(found) if found[name]}


def _lineage(part: Any) -> Iterator[Any]:
    for one in part.__mro__ if isinstance(part, type) else (part,):
        module = str(getattr(one, "__module__", ""))
        top = module.partition(".")[0]
        known = is_own(module) or top == "torch" or top in sys.stdlib_module_names
        if top == "__main__" or not known:
            yield one


def _sources(part: Any) -> str:
    module = sys.modules.get(part.__module__)
    file = getattr(module, "__file__", None)
    if part.__module__ == "__main__" or file is None or not Path(file).is_file():
        return _closure(part)
    top = sys.modules.get(part.__module__.partition(".")[0])
    folders = list(getattr(top, "__path__", []))
    return _package(tuple(folders)) if folders else _with_siblings(Path(file))


@cache
def _package(folders: tuple[str, ...]) -> str:
    lines = [
        f"{path.relative_to(folder).as_posix()} {_file_hash(path)}"
        for folder in folders
        for path in Path(folder).rglob("*.py")
    ]
    return "\n".join(sorted(lines))


@cache
def _with_siblings(file: Path) -> str:
    """The file and, in turn, the modules beside it that are imported."""
    seen: dict[str, str] = {}
    waiting = [file]
    while waiting:
        path = waiting.pop()
        if path.name in seen:
            continue
        seen[path.name] = _file_hash(path)
        beside = (path.with_name(f"{name}.py") for name in _imported(path))
        waiting += [one for one in beside if one.is_file()]
    return "\n".join(f"{name} {seen[name]}" for name in sorted(seen))


def _file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _imported(path: Path) -> set[str]:
    """First parts of the names of all modules that a file imports."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return set()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def _closure(part: Any) -> str:
    """The source of an object and of what it names of its own module, in turn."""
    seen: dict[str, str] = {}
    waiting = [part]
    while waiting:
        one = waiting.pop()
        if one.__qualname__ in seen:
            continue
        seen[one.__qualname__] = _text(one)
        waiting += [
            found
            for code, names in _codes(one)
            for name in code.co_names
            if _is_code(found := names.get(name)) and found.__module__ == one.__module__
        ]
        for code, names in _codes(one):  # numbers and texts the module names
            for name in code.co_names:
                if isinstance(value := names.get(name), int | float | str | bool | tuple):
                    seen[f"{one.__qualname__}: {name}"] = repr(value)
    return "\n".join(f"{name}\n{seen[name]}" for name in sorted(seen))


def _text(one: Any) -> str:
    """The source, or where there is none (an interactive session) the compiled code."""
    try:
        return inspect.getsource(one)
    except (OSError, TypeError):
        return "\n".join(_compiled(code) for code, _ in _codes(one))


def _compiled(code: types.CodeType) -> str:
    return "\n".join([code.co_code.hex(), *code.co_names, *map(_constant, code.co_consts)])


def _constant(value: Any) -> str:
    if isinstance(value, types.CodeType):
        return _compiled(value)
    # a set's order is another one in every process
    return str(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _codes(one: Any) -> Iterator[tuple[types.CodeType, dict[str, Any]]]:
    """Code objects of a function, or of all functions of a class, with the names they see."""
    members = vars(one).values() if isinstance(one, type) else (one,)
    for member in members:
        function = getattr(member, "__func__", getattr(member, "fget", member))
        if isinstance(function, types.FunctionType):
            yield function.__code__, function.__globals__


def _is_code(value: Any) -> bool:
    return isinstance(value, type | types.FunctionType)

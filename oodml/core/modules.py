"""Modules by name: which one runs, and all of a package."""

from __future__ import annotations

import importlib
import inspect
import pkgutil


def is_own(module: str) -> bool:
    """Whether it is one of oodml."""
    return module.partition(".")[0] == "oodml"


def registering_module() -> str:
    """The module whose code applies the decorator; of a package's helper, the module that calls it."""
    found = ""
    frame = inspect.currentframe()
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        applies = not is_own(module) or frame.f_code.co_name == "<module>"
        if found and module.partition(".")[0] != found.partition(".")[0]:
            break
        if applies:
            found = module
        frame = frame.f_back
    return found or "oodml"


def import_all(package: str) -> None:
    """Import all modules of a package, and of the packages inside."""
    found = importlib.import_module(package)
    for module in pkgutil.iter_modules(found.__path__):
        name = f"{package}.{module.name}"
        if module.ispkg:
            import_all(name)
        else:
            importlib.import_module(name)

"""Choices as lines of a spec."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from oodml.runs.search.choice import METRIC, Choice
from oodml.runs.search.points import is_training


def as_toml(choices: Sequence[Choice]) -> str:
    """The choices as lines to put into a spec's ``[[methods]]``."""
    lines = []
    for choice in choices:
        training = {key: value for key, value in choice.values.items() if is_training(key)}
        others = {key: value for key, value in choice.values.items() if not is_training(key)}
        lines.append(f"# {choice.method}: {score_text(choice)} on validation classes")
        lines += [f"{key} = {toml_value(value)}" for key, value in others.items()]
        if training:
            lines.append(f"training = {inline_table(training)}")
    return "\n".join(lines) + "\n"


def score_text(choice: Choice) -> str:
    """``map_at_r 41.20 [38.00, 44.10]``, in percent."""
    text = f"{METRIC} {100 * choice.score:.2f}"
    one = choice.interval
    return text if one is None else f"{text} [{100 * one.low:.2f}, {100 * one.high:.2f}]"


def toml_value(value: Any) -> str:
    """A text, number, truth value or list as TOML writes it; JSON's form is the same."""
    return json.dumps(value, ensure_ascii=True)


def inline_table(values: Mapping[str, Any]) -> str:
    inside = ", ".join(f"{key} = {toml_value(value)}" for key, value in values.items())
    return f"{{ {inside} }}"

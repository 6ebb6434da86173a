"""The ooDML authors' split files: pickles, read without running anything that stands in them.

A pickle may name any importable function and have it called. This reader admits exactly two names,
those a pickled ``numpy.str_`` or ``numpy.float64`` needs, and hands out inert stand-ins for them,
so that not even NumPy's own reconstruction runs.
"""

from __future__ import annotations

import math
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np

from oodml.core.errors import DataError
from oodml.core.hashing import sha256_file
from oodml.core.regular_files import check_regular_file
from oodml.shift.formats.base import SplitFormat, register_format
from oodml.shift.formats.draft import LevelDraft, SplitDraft
from oodml.shift.ladder.episodes import EpisodeTable

_MOST_BYTES = 512 * 1024**2
_MOST_LEVELS = 1000
_WHAT = "the ooDML authors' split file (level -> train, test, fid, split_train, split_val, ...)"


class _Dtype:
    """Stand-in for numpy.dtype: remembers the type string and its byte order."""

    def __init__(self, code: Any = "", *_: Any) -> None:
        if not isinstance(code, str):
            raise pickle.UnpicklingError("a dtype that is no string")
        self.code = code
        self.order = "<"

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            self.order = ">" if state[1] == ">" else "<"


def _scalar(dtype: Any, data: Any = b"") -> str | float:
    """Stand-in for numpy's scalar(): text or a number out of its raw bytes."""
    if isinstance(data, str):
        data = data.encode("latin-1")  # how Python 2 pickles carry bytes
    if not isinstance(dtype, _Dtype) or not isinstance(data, bytes):
        raise pickle.UnpicklingError("a scalar without dtype or bytes")
    kind, size = dtype.code[:1], dtype.code[1:]
    if kind == "U":
        codec = "utf-32-le" if dtype.order == "<" else "utf-32-be"
        return data.decode(codec).rstrip("\0")
    if kind == "f" and size in ("4", "8"):
        return float(struct.unpack(dtype.order + {"4": "f", "8": "d"}[size], data)[0])
    raise pickle.UnpicklingError(f"a scalar of type {dtype.code!r}")


_ADMITTED = {
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ADMITTED[module, name]


@register_format("oodml-authors-pickle")
class AuthorsPickle(SplitFormat):
    """The ooDML authors' split files: levels, distances, validation classes and episodes."""

    suffixes = (".pkl", ".pickle")

    def read(self, path: Path, dataset: str) -> SplitDraft:
        return read_authors_pickle(path, dataset)


def read_authors_pickle(path: Path, dataset: str) -> SplitDraft:
    """Levels, validation classes, distances and episodes of the authors' file.

    Raises:
        DataError: not a pickle, one that asks for anything beyond strings and numbers (nothing of
            it is run), or one of another structure; the message says what and where.
    """
    content = _load(path)
    if not isinstance(content, dict) or not content or len(content) > _MOST_LEVELS:
        raise DataError(f"{path}: expected {_WHAT}")
    for key in content:
        if not _is_number(key):
            raise DataError(f"{path}: level {key!r}: expected a number; {_WHAT}")
    keys = sorted(content, key=float)
    return SplitDraft(
        name=path.stem,
        dataset=dataset,
        levels=tuple(_level(path, key, content[key]) for key in keys),
        source={
            "format": "oodml-authors-pickle",
            "file": path.name,
            "file_sha256": sha256_file(path),
            "levels": [str(key) for key in keys],
        },
        features={
            "description": "features of the split's authors: ImageNet ResNet50 of the package "
            "pretrainedmodels, pooled, 2048 dimensions; distances with eps 1e-8"
        },
        episode_table=_episodes(path, [content[key] for key in keys], [str(key) for key in keys]),
    )


def _load(path: Path) -> Any:
    check_regular_file(path)
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise DataError(f"{path}: {size} bytes, larger than any split file; refused")
    try:
        with open(path, "rb") as handle:
            return _Unpickler(handle, encoding="latin-1").load()
    except pickle.UnpicklingError as error:
        raise DataError(f"{path}: refused, no plain split file: {error}") from None
    except Exception as error:
        # A torn or hostile pickle can raise anything its opcodes stumble over.
        raise DataError(
            f"{path}: not a readable pickle ({type(error).__name__}: {error})"
        ) from None


def _level(path: Path, key: Any, entry: Any) -> LevelDraft:
    where = f"{path}: level {key}"
    if not isinstance(entry, dict):
        raise DataError(f"{where}: expected a mapping; {_WHAT}")
    train, test = _names(where, entry, "train"), _names(where, entry, "test")
    fit = _names(where, entry, "split_train") if "split_train" in entry else train
    val = _names(where, entry, "split_val") if "split_val" in entry else ()
    if sorted((*fit, *val)) != sorted(train):
        raise DataError(f"{where}: split_train and split_val together are not train")
    shift = entry.get("fid", math.nan)
    if isinstance(shift, bool) or not isinstance(shift, int | float) or shift < 0:
        raise DataError(f"{where}: fid is {shift!r}, expected a distance")
    return LevelDraft(train=fit, val=val, test=test, shift=float(shift))


def _names(where: str, entry: dict[Any, Any], field: str) -> tuple[str, ...]:
    names = entry.get(field)
    if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
        raise DataError(f"{where}: {field} must be a list of class names")
    if len(set(names)) != len(names) or not names:
        raise DataError(f"{where}: {field} must hold at least one class and none twice")
    return tuple(sorted(names))


def _episodes(path: Path, entries: list[Any], keys: list[str]) -> EpisodeTable | None:
    """All episodes as one table; they must be equally many everywhere."""
    rows: list[tuple[int, int, int, str, str]] = []
    per_level: set[int] = set()
    for level, entry in enumerate(entries):
        if "test_episodes" not in entry:
            continue
        for shots, drawn in _items(f"{path}: level {keys[level]}: test_episodes", entry):
            per_level.add(len(drawn))
            for episode, support in enumerate(drawn):
                for name, ids in support.items():
                    rows += [(level, shots, episode, name, image) for image in ids]
    if not rows:
        return None
    if len(per_level) != 1:
        raise DataError(
            f"{path}: test_episodes: {sorted(per_level)} episodes; expected equally many"
        )
    rows = sorted(set(rows))
    return EpisodeTable(
        level=np.array([r[0] for r in rows], np.int32),
        shots=np.array([r[1] for r in rows], np.int32),
        episode=np.array([r[2] for r in rows], np.int32),
        classes=tuple(r[3] for r in rows),
        ids=tuple(r[4] for r in rows),
        per_level=per_level.pop(),
    )


def _items(where: str, entry: dict[str, Any]) -> list[tuple[int, list[dict[str, list[str]]]]]:
    """(shots, episodes) with every part of the structure checked."""
    found = entry["test_episodes"]
    if not isinstance(found, dict) or not all(_is_number(key) for key in found):
        raise DataError(f"{where}: expected shots -> episodes")
    items: list[tuple[int, list[dict[str, list[str]]]]] = []
    for key, drawn in found.items():
        if isinstance(drawn, dict):
            drawn = [drawn[number] for number in sorted(drawn, key=float)]
        sound = isinstance(drawn, list | tuple) and all(
            isinstance(support, dict)
            and all(
                isinstance(name, str)
                and isinstance(ids, list | tuple)
                and all(isinstance(image, str) for image in ids)
                for name, ids in support.items()
            )
            for support in drawn
        )
        if not sound:
            raise DataError(f"{where}: {key} shots: expected episodes of class -> image names")
        items.append((int(key), list(drawn)))
    return items


def _is_number(key: Any) -> bool:
    try:
        return not isinstance(key, bool) and float(key) == int(float(key))
    except (TypeError, ValueError, OverflowError):
        return False

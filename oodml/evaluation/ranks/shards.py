"""Exact ranks in a gallery too large for memory, or spread over processes or GPUs.

Counts add up: how many negatives beat a positive is the sum over the parts of the gallery. So the
positives are collected first, then every shard is counted by itself, in any order and anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.core.labels import LabelList, Labels, plain_labels
from oodml.core.matrix import as_matrix
from oodml.core.progress import track
from oodml.core.regular_files import check_regular_file
from oodml.core.short_repr import short_fields
from oodml.evaluation.inputs.frame import Frame, Similarity, check_similarity, frame_of
from oodml.evaluation.inputs.pairing import Pairing, check_ids, pair_up
from oodml.evaluation.inputs.prepare import PreparedRows, prepare
from oodml.evaluation.inputs.search_input import labelled_rows, row_names
from oodml.evaluation.inputs.self_matches import refuse_own_copies
from oodml.evaluation.ranks.close_calls import Tally
from oodml.evaluation.ranks.engines.choose import count_negatives
from oodml.evaluation.ranks.positive_ranks import DEFAULT_MEMORY_MIB, assemble
from oodml.evaluation.ranks.table import PositiveRanks
from oodml.evaluation.ranks.thresholds import Thresholds, positive_thresholds


@dataclass(frozen=True, repr=False)
class GalleryShard:
    """A part of the gallery; shards follow each other in gallery order.

    Attributes:
        embeddings: [n, D], or the path of a ``.npy`` file, which is opened memory-mapped where and
            when it is needed (so that shards can be sent to other processes).
        labels: [n]; None or "" for distractors. An integer array takes least memory.
        ids: [n] or None; needed where queries are in the gallery themselves.
    """

    embeddings: Any
    labels: Sequence[Any] | NDArray[Any]
    ids: Sequence[str] | None = None

    def rows(self, name: str) -> NDArray[Any]:
        """The rows, checked."""
        given = self.embeddings
        if isinstance(given, (str, Path)):
            name = str(check_regular_file(Path(given)))
            try:
                given = np.load(given, mmap_mode="r", allow_pickle=False)
            except Exception as error:  # its header is parsed as Python, which fails in many ways
                raise DataError(f"{name}: not a readable .npy array ({error})") from None
        matrix = as_matrix(given, name, self.ids)
        if len(matrix) != len(self.labels):
            raise DataError(f"{name}: {len(self.labels)} labels for {len(matrix)} rows")
        return matrix

    __repr__ = short_fields


def sharded_positive_ranks(
    embeddings: Any,
    labels: Sequence[Any] | NDArray[Any],
    shards: Sequence[GalleryShard],
    *,
    ids: Sequence[str] | None = None,
    similarity: str = "cosine",
    memory_mib: int = DEFAULT_MEMORY_MIB,
    devices: Sequence[str] = ("cpu",),
    executor: Executor | None = None,
) -> PositiveRanks:
    """The same table as `positive_ranks` with the shards joined as the gallery.

    Memory: the queries, the gallery items of the queries' classes, and for each shard in work one
    float32 copy of it and ``memory_mib``.

    Args:
        ids: of the queries; an item of the same id in a shard is the query itself.
        devices: shards take turns on them, each in a thread of its own.
        executor: where to count shards instead, for instance a ``ProcessPoolExecutor`` or one of a
            cluster; shards should then hold paths.
    """
    kind = check_similarity(similarity)
    if not shards:
        raise UsageError("shards: give at least one")
    matrix, names, column = labelled_rows(embeddings, labels, ids)
    _check_shard_ids(shards)
    query_labels, shards = _comparable(column, shards)
    starts = np.cumsum([0] + [len(shard.labels) for shard in shards])
    frame = _frame(matrix, shards, kind)
    whole, queries, thresholds = _collect_positives(
        matrix, query_labels, names, shards, starts, frame, memory_mib << 20
    )
    job = _Job(queries, thresholds, query_labels, names, frame, memory_mib)
    tally = Tally.zeros(len(thresholds.values))
    for one in track(
        _count_all(job, shards, starts, devices, executor), "gallery shards", len(shards)
    ):
        tally.above += one.above
        tally.tied_before += one.tied_before
        tally.tied_after += one.tied_after
    ranks = assemble(whole, thresholds, tally, names or row_names(len(matrix)), kind)
    return replace(ranks, gallery_sizes=int(starts[-1]) - _in_gallery(ranks.query_ids, ids, shards))


@dataclass(frozen=True)
class _Job:
    """What counting a shard needs; plain data, so that it can go to another process."""

    queries: PreparedRows
    thresholds: Thresholds
    labels: Labels
    ids: tuple[str, ...] | None
    frame: Frame
    memory_mib: int


def _count_shard(job: _Job, shard: GalleryShard, start: int, device: str) -> Tally:
    rows = shard.rows(f"shard at {start}")
    pairing = pair_up(job.labels, shard.labels, job.ids, shard.ids)
    gallery = prepare(rows, pairing.gallery_rows, job.frame)
    placed = replace(pairing, gallery_rows=pairing.gallery_rows + start)
    budget = job.memory_mib << 20
    return count_negatives(job.queries, gallery, placed, job.thresholds, budget, device)


def _count_all(
    job: _Job,
    shards: Sequence[GalleryShard],
    starts: NDArray[np.int64],
    devices: Sequence[str],
    executor: Executor | None,
) -> Any:
    tasks = list(zip(shards, starts[:-1].tolist(), cycle(devices), strict=False))
    if executor is None and len(devices) == 1:
        return (_count_shard(job, *task) for task in tasks)
    if executor is not None:
        return executor.map(_count_shard, [job] * len(tasks), *zip(*tasks, strict=True))
    return _on_devices(job, tasks, devices)


def _on_devices(
    job: _Job, tasks: list[tuple[GalleryShard, int, str]], devices: Sequence[str]
) -> Any:
    with ThreadPoolExecutor(len(devices)) as pool:
        yield from pool.map(lambda task: _count_shard(job, *task), tasks)


def _collect_positives(
    matrix: NDArray[Any],
    labels: Labels,
    names: tuple[str, ...] | None,
    shards: Sequence[GalleryShard],
    starts: NDArray[np.int64],
    frame: Frame,
    budget: int,
) -> tuple[Pairing, PreparedRows, Thresholds]:
    """Pair the queries with the gallery items of their classes only, and get the thresholds."""
    wanted = {label for label in labels if label is not None}
    rows, kept_labels, kept_ids, positions = [], LabelList(), [], []
    for shard, start in zip(shards, starts.tolist(), strict=False):
        column = shard.labels
        if isinstance(column, np.ndarray):
            keep = np.flatnonzero(np.isin(column, np.asarray(labels)))
        else:
            keep = np.array([i for i, one in enumerate(column) if one in wanted], np.int64)
        rows.append(np.asarray(shard.rows(f"shard at {start}")[keep]))
        kept = keep.tolist()
        kept_labels += [column[i] for i in kept]
        kept_ids += [str(shard.ids[i]) if shard.ids is not None else f"\0{start + i}" for i in kept]
        positions.append(keep + start)
    gallery = np.concatenate(rows)
    if names is None or shards[0].ids is None:
        refuse_own_copies(matrix, gallery, "the shards hold")
    pairing = pair_up(labels, kept_labels, names, kept_ids if names else None)
    place = np.concatenate(positions)
    whole = replace(pairing, gallery_rows=place[pairing.gallery_rows])
    queries = prepare(matrix, pairing.query_rows, frame)
    items = prepare(gallery, pairing.gallery_rows, frame)
    return whole, queries, positive_thresholds(queries, items, whole, budget)


def _frame(matrix: NDArray[Any], shards: Sequence[GalleryShard], similarity: Similarity) -> Frame:
    def sets() -> Iterator[tuple[NDArray[Any], str]]:
        yield matrix, "embeddings"
        for number, shard in enumerate(shards):
            rows = shard.rows(f"shard {number}")
            if rows.shape[1] != matrix.shape[1]:
                raise DataError(
                    f"shard {number} has {rows.shape[1]} columns, the queries have "
                    f"{matrix.shape[1]}"
                )
            yield rows, f"shard {number}"

    return frame_of(similarity, matrix, sets())


def _comparable(
    labels: Labels, shards: Sequence[GalleryShard]
) -> tuple[Labels, list[GalleryShard]]:
    """Labels that sort alike in every shard: whole numbers if all are, text otherwise."""
    columns = [labels, *(plain_labels(s.labels, f"shard {i}") for i, s in enumerate(shards))]
    if not all(isinstance(column, np.ndarray) for column in columns):
        lists = [LabelList(c.tolist()) if isinstance(c, np.ndarray) else c for c in columns]
        if any(isinstance(one, str) for column in lists for one in column):
            lists = [LabelList(None if x is None else str(x) for x in column) for column in lists]
        columns = list(lists)
    given = zip(shards, columns[1:], strict=True)
    return columns[0], [replace(shard, labels=column) for shard, column in given]


def _check_shard_ids(shards: Sequence[GalleryShard]) -> None:
    given = [shard.ids for shard in shards if shard.ids is not None]
    if given and len(given) != len(shards):
        raise UsageError("shards: give ids for all of them or for none")
    if given:
        check_ids(list(chain.from_iterable(given)), sum(map(len, given)), "shards")


def _in_gallery(
    query_ids: Sequence[str], ids: Sequence[str] | None, shards: Sequence[GalleryShard]
) -> NDArray[np.int64]:
    """1 for each query that stands in the gallery itself."""
    if ids is None or shards[0].ids is None:
        return np.zeros(len(query_ids), np.int64)
    wanted = set(query_ids)
    found: set[str] = set()
    for shard in shards:
        found |= wanted.intersection(str(one) for one in shard.ids or ())
    return np.array([one in found for one in query_ids], np.int64)

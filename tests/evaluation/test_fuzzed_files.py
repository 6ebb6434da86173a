"""Damaged files of embeddings, labels and ranks: read as they are or refused, never a traceback."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from oodml.core.errors import OodmlError
from oodml.core.vectors import VectorTable, read_vectors, write_vectors
from oodml.evaluation import GalleryShard, evaluate, load_ranks, save_ranks
from oodml.evaluation.files.embedding_files import read_embeddings, read_groups, read_labelled
from oodml.evaluation.files.pair_files import read_pairs

ROWS = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
LABELS = tuple("aabbccddeeff")
IDS = tuple(f"im{i}" for i in range(12))
ROUNDS = int(os.environ.get("OODML_FUZZ_ROUNDS") or 200)


def make(kind, folder):
    from safetensors.torch import save_file

    path = folder / f"whole.{kind.partition(' ')[0]}"
    if kind == "parquet":
        write_vectors(path, VectorTable(IDS, ROWS, {"label": LABELS}))
    elif kind == "parquet ranks":
        save_ranks(evaluate(ROWS, LABELS).ranks, path)
    elif kind == "npy":
        np.save(path, ROWS)
    elif kind == "safetensors":
        save_file({"embeddings": torch.from_numpy(ROWS), "label": torch.arange(12) // 2}, path)
    elif kind == "csv":
        path.write_text(
            "id,label\n" + "".join(f"{i},{x}\n" for i, x in zip(IDS, LABELS, strict=True))
        )
    elif kind == "csv pairs":
        path.write_text("first,second,same,fold\nim0,im1,1,a\nim0,im2,0,b\n")
    else:
        path.write_text("class,group\na,one\nb,two\n")
    return path


READERS = {
    "parquet": lambda path: read_labelled(path, "label"),
    "parquet ranks": load_ranks,
    "npy": lambda path: GalleryShard(path, LABELS).rows("x"),
    "safetensors": lambda path: read_labelled(path, "label"),
    "csv": lambda path: _joined(path),
    "csv pairs": lambda path: read_pairs(path, IDS, 12),
    "csv groups": read_groups,
}


def _joined(path):
    whole = path.parent / "rows.parquet"
    if not whole.exists():
        write_vectors(whole, VectorTable(IDS, ROWS))
    return read_labelled(whole, str(path))


def reason_against(kind, path):
    """Why a file is refused; None where it is read."""
    try:
        READERS[kind](path)
    except OodmlError as error:
        return str(error)
    return None


@pytest.mark.parametrize("kind", READERS)
def test_damaged_files(kind, tmp_path):
    whole = make(kind, tmp_path)
    data = whole.read_bytes()
    READERS[kind](whole)
    random = np.random.default_rng(7)
    refused = 0
    for number in range(ROUNDS):
        damaged = bytearray(data)
        if number % 4 == 3:
            del damaged[int(random.integers(len(damaged))) :]
        else:
            for place in random.integers(len(damaged), size=number % 4 + 1):
                damaged[place] ^= 1 << int(random.integers(8))
        path = tmp_path / f"damaged{whole.suffix}"
        path.write_bytes(damaged)
        said = reason_against(kind, path)
        refused += said is not None
        assert said is None or str(path) in said
    assert refused >= ROUNDS // 10


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("what", ["missing", "empty", "folder", "pipe", "other"])
def test_what_is_no_such_file(what, kind, tmp_path):
    suffix = make(kind, tmp_path).suffix
    path = tmp_path / f"wrong{suffix}"
    if what == "empty":
        path.touch()
    elif what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "other":
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    with pytest.raises(OodmlError, match="wrong"):
        READERS[kind](path)


def test_text_and_path_likes_are_paths(tmp_path):
    class Like:
        def __init__(self, path):
            self.path = str(path)

        def __fspath__(self):
            return self.path

    ranks = evaluate(ROWS, LABELS).ranks
    for number, form in enumerate((str, Like, lambda path: path)):
        folder = tmp_path / f"new{number}" / "deep"
        save_ranks(ranks, form(folder / "ranks.parquet"))
        assert load_ranks(form(folder / "ranks.parquet")).ranks.tolist() == ranks.ranks.tolist()
        write_vectors(form(folder / "e.parquet"), VectorTable(IDS, ROWS, {"label": LABELS}))
        assert read_vectors(form(folder / "e.parquet")).ids == IDS
        assert read_labelled(form(folder / "e.parquet"), "label").labels == LABELS
        assert read_embeddings(form(folder / "e.parquet"))[1] == IDS
    for wrong in (None, 3, b"\xff"):
        with pytest.raises(OodmlError):
            load_ranks(wrong)

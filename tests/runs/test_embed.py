"""``oodml embed``: new images by what a cell trained, equal to what its evaluation used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_specs import SMALL, first_cell

from oodml.cli import run_command
from oodml.core.errors import IntegrityError, UsageError
from oodml.core.vectors import VectorTable, read_vectors, write_vectors
from oodml.datasets import load_dataset
from oodml.evaluation import evaluate
from oodml.runs import load_embedder, parse_spec, run
from oodml.runs.run_cell import _embedded, _model
from oodml.runs.store.cells import CellStore
from oodml.runs.workbench import Workbench

RETRIEVAL = [{"name": "retrieval", "metrics": ["recall_at_1", "map_at_r"]}]
METHODS = ["frozen", "whitening", "triplet", "diva", "s2sd-multi-similarity"]


@pytest.fixture
def head_run(tmp_path: Path, vector_data: str) -> Path:
    """A finished benchmark on vectors with a method of every kind of head."""
    training = {"steps": 5, "batch_size": 24, "embedding_dim": 8}
    on_vectors = {"s2sd-multi-similarity": {"pooled": False}}  # they have no feature maps
    methods = [{"name": name, **on_vectors.get(name, {})} for name in METHODS]
    spec = {**SMALL, "training": training, "methods": methods, "levels": [1], "tasks": RETRIEVAL}
    run(spec, tmp_path / "run", executor="serial")
    return tmp_path / "run"


def as_evaluated(folder: Path, **fields: Any) -> tuple[Any, Any, np.ndarray]:
    """(cell, split, embeddings) of a finished cell as ``run_cell`` has them."""
    cell = first_cell(folder, **fields)
    from oodml.runs.plan.plan_file import read_plan

    bench = Workbench.open(folder, read_plan(folder).setting(cell.setting))
    split = bench.split(cell)
    store = CellStore(folder)
    again = _model(cell, split, bench, store, folder / "checkpoints" / "again.pt", None)
    return cell, split, _embedded(again, bench, split.test.rows)


@pytest.mark.parametrize("method", METHODS)
def test_embeds_as_the_evaluation_did(head_run: Path, tmp_path: Path, method: str) -> None:
    cell, split, wanted = as_evaluated(head_run, method=method)
    toy = load_dataset("toy")
    embedder = load_embedder(head_run, cell.run_id[:12])
    assert embedder.info["method"] == method
    assert np.array_equal(embedder(toy)[split.test.rows], wanted)
    assert toy.vectors is not None
    assert np.array_equal(embedder(toy.vectors[split.test.rows]), wanted)
    # the command, on the test items alone, gives the cell's own recall
    ids = tuple(toy.image_ids[row] for row in split.test.rows)
    columns = {"label": tuple(split.test.names)}
    write_vectors(
        tmp_path / "test.parquet", VectorTable(ids, toy.vectors[split.test.rows], columns)
    )
    folder = head_run / "cells" / cell.run_id
    given = [str(folder), str(tmp_path / "test.parquet")]
    assert run_command(["embed", *given, "--out", str(tmp_path / "e.parquet")]) == 0
    found = read_vectors(tmp_path / "e.parquet")
    assert found.ids == ids
    assert found.columns == columns
    report = evaluate(found.vectors, found.columns["label"], metrics=["recall_at_1", "map_at_r"])
    record = json.loads((folder / "record.json").read_text())
    assert report.metrics == {row["metric"]: row["value"] for row in record["rows"]}


def test_a_cell_is_found_by_every_path(head_run: Path) -> None:
    run_id = first_cell(head_run, method="triplet").run_id
    folder = head_run / "cells" / run_id
    for path, cell in [
        (folder, None),
        (folder / "embedder.safetensors", None),
        (head_run, run_id),
        (head_run, run_id[:6]),
    ]:
        assert load_embedder(path, cell).cell.run_id == run_id


def test_what_is_no_cell_is_told(head_run: Path, tmp_path: Path) -> None:
    run_id = first_cell(head_run, method="triplet").run_id
    with pytest.raises(UsageError, match=f"(?s)choose one of its finished cells.*{run_id}  trip"):
        load_embedder(head_run)
    with pytest.raises(UsageError, match="--cell zz: 0 begin so"):
        load_embedder(head_run, "zz")
    with pytest.raises(UsageError, match="neither the folder of a benchmark nor"):
        load_embedder(tmp_path)
    with pytest.raises(UsageError, match="reads features of 'identity', 16 numbers"):
        load_embedder(head_run, run_id)(np.zeros((3, 5), np.float32))
    open_cell = head_run / "cells" / run_id / "record.json"
    open_cell.unlink()
    with pytest.raises(UsageError, match="neither the folder of a benchmark nor of a finished"):
        load_embedder(open_cell.parent)


def test_other_weights_and_swapped_cells_are_refused(head_run: Path) -> None:
    triplet = head_run / "cells" / first_cell(head_run, method="triplet").run_id
    diva = head_run / "cells" / first_cell(head_run, method="diva").run_id
    kept = (triplet / "embedder.safetensors").read_bytes()
    changed = bytearray(kept)
    changed[-1] ^= 1
    (triplet / "embedder.safetensors").write_bytes(changed)
    with pytest.raises(IntegrityError, match=r"embedder\.safetensors: not the file"):
        load_embedder(triplet)
    (triplet / "embedder.safetensors").unlink()
    with pytest.raises(IntegrityError, match=r"embedder\.safetensors: the file is gone"):
        load_embedder(triplet)
    (triplet / "embedder.safetensors").write_bytes(kept)
    shutil.copy(diva / "record.json", triplet / "record.json")
    with pytest.raises(IntegrityError):
        load_embedder(triplet)


def test_another_version_of_the_method_is_refused(
    head_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oodml.methods.builtin.triplet import Triplet

    cell = head_run / "cells" / first_cell(head_run, method="triplet").run_id
    monkeypatch.setattr(Triplet, "version", 99)
    with pytest.raises(IntegrityError, match="version"):
        load_embedder(cell)


@pytest.mark.parametrize("mode", ["head", "last-layer", "network"])
def test_images_go_through_backbone_and_head(photos: Path, tmp_path: Path, mode: str) -> None:
    """From files: those of the data set give the cell's rows; the feature cache may be gone."""
    training = {"mode": mode, "steps": 3, "batch_size": 12, "embedding_dim": 6}
    spec = {
        **SMALL,
        "dataset": "photos",
        "features": {"backbone": "conv4", "image_size": 32, "batch_size": 7},
        "training": training,
        "methods": [{"name": "triplet", "training": {"batch_size": 8}}],
        "tasks": RETRIEVAL,
    }
    folder = tmp_path / "run"
    run(spec, folder, executor="serial")
    cell, split, wanted = as_evaluated(folder, method="triplet")
    embedder = load_embedder(folder, cell.run_id)
    assert embedder.info["mode"] == mode
    dataset = load_dataset("photos")
    assert np.array_equal(embedder(dataset)[split.test.rows], wanted)

    moved = tmp_path / "moved"
    for row in split.test.rows:
        name = moved / dataset.image_ids[row]
        name.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photos / dataset.image_ids[row], name)
    out = tmp_path / "e.parquet"
    command = ["embed", str(folder / "cells" / cell.run_id)]
    assert run_command([*command, str(moved), "--out", str(out)]) == 0
    found = read_vectors(out)
    row_of = {one: number for number, one in enumerate(found.ids)}
    order = [row_of[dataset.image_ids[row]] for row in split.test.rows]
    assert np.allclose(found.vectors[order], wanted, atol=1e-5 * np.abs(wanted).max())
    assert [found.columns["label"][row] for row in order] == list(split.test.names)
    # a flat folder, files one by one and a list of them are the same images without classes
    flat = tmp_path / "flat"
    flat.mkdir()
    files = [shutil.copy(path, flat / f"{n}.png") for n, path in enumerate(moved.glob("*/*.png"))]
    (tmp_path / "list.txt").write_text("".join(f"flat/{Path(one).name}\n" for one in files))
    for given in ([str(flat)], list(map(str, files)), [str(tmp_path / "list.txt")]):
        assert run_command([*command, *given, "--out", str(out), "--overwrite", "always"]) == 0
        again = read_vectors(out)
        assert set(again.ids) == {Path(one).name for one in files}
        assert not again.columns
        assert np.allclose(
            np.sort(again.vectors, axis=0), np.sort(found.vectors, axis=0), atol=1e-4
        )


def test_vectors_do_not_go_through_a_trained_network(photos: Path, tmp_path: Path) -> None:
    spec = parse_spec(
        {
            **SMALL,
            "dataset": "photos",
            "features": {"backbone": "conv4"},
            "training": {"mode": "network", "steps": 1, "batch_size": 8, "embedding_dim": 4},
            "methods": [{"name": "triplet"}],
            "tasks": RETRIEVAL,
        }
    )
    run(spec, tmp_path / "run", executor="serial")
    run_id = first_cell(tmp_path / "run").run_id
    with pytest.raises(UsageError, match="embeds images, not vectors"):
        load_embedder(tmp_path / "run", run_id)(np.zeros((2, 128), np.float32))


def test_a_backbone_of_other_weights_is_refused(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oodml.features.backbone import Backbone

    spec = {
        **SMALL,
        "dataset": "photos",
        "features": {"backbone": "conv4"},
        "training": {"steps": 1, "batch_size": 8},
        "methods": [{"name": "frozen"}],
        "tasks": RETRIEVAL,
    }
    run(spec, tmp_path / "run", executor="serial")
    embedder = load_embedder(tmp_path / "run", first_cell(tmp_path / "run").run_id)
    assert embedder(load_dataset("photos")).shape == (60, 128)
    monkeypatch.setattr(Backbone, "weights_sha256", lambda _: "0" * 64)
    with pytest.raises(IntegrityError, match="gives other features here"):
        embedder(load_dataset("photos"))


def test_out_is_checked_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "there.npy").touch()
    for out, text in [("x.txt", ".safetensors"), ("there.npy", "--overwrite always")]:
        assert run_command(["embed", "no-run", "no-images", "--out", str(tmp_path / out)]) == 2
        assert text in capsys.readouterr().err


def test_the_feature_cache_may_be_gone(head_run: Path, oodml_home: Path) -> None:
    shutil.rmtree(oodml_home / "features")
    shutil.rmtree(oodml_home / "data")
    embedder = load_embedder(head_run, first_cell(head_run, method="triplet").run_id)
    assert embedder(np.ones((2, 16), np.float32)).shape == (2, 8)

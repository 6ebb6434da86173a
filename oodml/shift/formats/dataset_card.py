"""A ladder as a Hugging Face data set: card, Croissant metadata and plain tables."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa

from oodml.core.files import write_json, write_text
from oodml.core.hashing import sha256_file
from oodml.core.parquet import write_table
from oodml.shift.formats.base import Origin, SplitFormat, register_format
from oodml.shift.ladder.model import EPISODES_FILE, LADDER_FILE, Ladder

CLASSES_FILE = "classes.parquet"
_PARQUET = "application/x-parquet"


@register_format("huggingface")
class HuggingFace(SplitFormat):
    """The ladder as a Hugging Face data set: card, Croissant metadata, tables."""

    def write(self, ladder: Ladder, folder: Path, origin: Origin) -> list[Path]:
        homepage, citation = origin.attribution()
        return write_dataset_card(
            ladder, folder, licence=origin.licence, homepage=homepage, citation=citation
        )


def write_dataset_card(
    ladder: Ladder, folder: Path, *, licence: str = "other", homepage: str = "", citation: str = ""
) -> list[Path]:
    """Write the ladder with README.md (card), croissant.json and ``classes.parquet`` beside it.

    ``classes.parquet`` has a row per level and class (level, split, class, images), for viewers
    that read tables only. The licence is that of the class lists; the images stay where they are.
    """
    ladder.save(folder)
    _write_classes(ladder, folder / CLASSES_FILE)
    write_json(folder / "croissant.json", croissant(ladder, folder, licence, homepage, citation))
    write_text(folder / "README.md", _card(ladder, licence, homepage, citation))
    names = [LADDER_FILE, EPISODES_FILE, CLASSES_FILE, "croissant.json", "README.md"]
    return [folder / name for name in names if (folder / name).exists()]


def croissant(
    ladder: Ladder, folder: Path, licence: str, homepage: str, citation: str
) -> dict[str, Any]:
    """Croissant 1.0 JSON-LD describing the files in ``folder``."""
    files = [
        _file(folder, LADDER_FILE, "application/json", "The ladder: levels, shifts, hash."),
        _file(folder, CLASSES_FILE, _PARQUET, "One row per level and class."),
    ]
    records = [
        _records("classes", CLASSES_FILE, "The side of every class at every level.", {
            "level": "sc:Integer", "split": "sc:Text", "class": "sc:Text", "images": "sc:Integer",
        })
    ]  # fmt: skip
    if ladder.episode_table is not None:
        files.append(_file(folder, EPISODES_FILE, _PARQUET, "Few-shot support images."))
        records.append(
            _records("episodes", EPISODES_FILE, "Support images of the few-shot episodes.", {
                "level": "sc:Integer", "shots": "sc:Integer", "episode": "sc:Integer",
                "class": "sc:Text", "id": "sc:Text",
            })
        )  # fmt: skip
    described: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": _identifier(ladder.name),
        "description": _sentence(ladder),
        "license": licence,
        "version": "1.0.0",
        "url": homepage or "https://pypi.org/project/oodml/",
        "distribution": files,
        "recordSet": records,
    }
    if citation:
        described["citeAs"] = citation
    return described


_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def _file(folder: Path, name: str, encoding: str, description: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "description": description,
        "contentUrl": name,
        "contentSize": f"{(folder / name).stat().st_size} B",
        "encodingFormat": encoding,
        "sha256": sha256_file(folder / name),
    }


def _records(name: str, file: str, description: str, fields: dict[str, str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": column,
                "dataType": kind,
                "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
            }
            for column, kind in fields.items()
        ],
    }


def _write_classes(ladder: Ladder, path: Path) -> None:
    rows = [
        (level.index, side, name, ladder.images.get(name))
        for level in ladder.levels
        for side, names in (("train", level.train), ("val", level.val), ("test", level.test))
        for name in names
    ]
    columns = list(zip(*rows, strict=True))
    table = pa.table(
        {
            "level": pa.array(columns[0], pa.int32()),
            "split": pa.array(columns[1], pa.string()),
            "class": pa.array(columns[2], pa.string()),
            "images": pa.array(columns[3], pa.int64()),
        }
    )
    write_table(path, table)


def _card(ladder: Ladder, licence: str, homepage: str, citation: str) -> str:
    tables = [("classes", CLASSES_FILE)]
    if ladder.episode_table is not None:
        tables.append(("episodes", EPISODES_FILE))
    lines = [
        "---",
        f"license: {licence}",
        f"pretty_name: {_quoted(ladder.name)}",
        "task_categories:",
        "- image-feature-extraction",
        "tags:",
        "- deep-metric-learning",
        "- distribution-shift",
        "- croissant",
        "configs:",
    ]
    for name, file in tables:
        lines += [
            f"- config_name: {name}",
            "  data_files:",
            "  - split: train",
            f"    path: {file}",
        ]
    lines += ["---", "", f"# {ladder.name}", "", _sentence(ladder), ""]
    lines += ["| level | shift | train | val | test | test images |", "|---|---|---|---|---|---|"]
    for level in ladder.levels:
        shift = "not measured" if math.isnan(level.shift) else f"{level.shift:.4g}"
        counts = level.counts
        lines.append(
            f"| {level.index} | {shift} | {counts['train_classes']} | {counts['val_classes']} "
            f"| {counts['test_classes']} | {counts.get('test_images', '')} |"
        )
    lines += ["", "## Files", ""]
    lines += [
        f"- `{LADDER_FILE}`: class lists of every level, shift values, what made them, and a hash "
        f"of it all (sha256 `{ladder.sha256}`).",
        f"- `{CLASSES_FILE}`: the same class lists as a table.",
    ]
    if ladder.episode_table is not None:
        lines.append(f"- `{EPISODES_FILE}`: support images of the few-shot episodes.")
    lines += [
        "",
        "## Use",
        "",
        "```python",
        "import oodml",
        "",
        'ladder = oodml.load_ladder("ladder.json")  # checks the hash and every class list',
        "ladder.levels[-1].test",
        "```",
        "",
        "Made and checked with oodml (`oodml split check`). Images are not part of this data set.",
        "",
    ]
    if homepage:
        lines += [f"Images and their terms: {homepage}", ""]
    if citation:
        lines += ["## Citation", "", "```", citation, "```", ""]
    return "\n".join(lines)


def _sentence(ladder: Ladder) -> str:
    backbone = ladder.features.get("backbone")
    measured = f", measured on features of {backbone}" if backbone else ""
    return (
        f"Class splits of {ladder.dataset or 'an image data set'} of growing shift for deep metric "
        f"learning: {len(ladder.levels)} levels, train and test classes disjoint, shift = "
        f"{ladder.measure}{measured}; generator {ladder.generator}, seed {ladder.seed}."
    )


def _identifier(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name) or "ladder"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

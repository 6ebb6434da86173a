"""Which format a split file is in, and what a ladder's origin gives."""

from __future__ import annotations

import pytest

from oodml.core.errors import UsageError
from oodml.core.registry import Registry
from oodml.shift.formats import FORMATS, Origin, SplitFormat, base, choose, read_split_file


def test_every_format_reads_or_writes():
    forms = dict(FORMATS.items())
    assert {name for name, form in forms.items() if form.reads()} == {
        "class-lists", "oml", "oodml-authors-pickle",
    }  # fmt: skip
    assert {name for name, form in forms.items() if form.writes()} == {"huggingface", "oml"}
    assert all(form.suffixes for form in forms.values() if form.reads())


def test_a_file_that_may_be_two_things_is_asked_about(tmp_path, monkeypatch):
    forms: Registry[type[SplitFormat]] = Registry("format")
    monkeypatch.setattr(base, "FORMATS", forms)
    monkeypatch.setattr(choose, "FORMATS", forms)

    class Either(SplitFormat):
        suffixes = (".txt",)

        def read(self, path, dataset):
            raise NotImplementedError

    for name in ("one", "other"):
        base.register_format(name)(type(name, (Either,), {}))
    (tmp_path / "split.txt").write_text("x")
    with pytest.raises(UsageError, match=r"may be one or other; say which with --format"):
        read_split_file(tmp_path / "split.txt")
    with pytest.raises(NotImplementedError):
        read_split_file(tmp_path / "split.txt", kind="one")


def test_the_origin_of_a_ladder(oodml_home, vector_data):
    origin = Origin(vector_data)
    images = origin.images_of()
    assert len(images) == 24
    assert all(len(ids) == 12 for ids in images.values())
    assert origin.attribution() == ("", "")
    assert Origin("not-here").attribution() == ("", "")
    with pytest.raises(UsageError, match="unknown data set 'not-here'"):
        Origin("not-here").images_of()
    with pytest.raises(UsageError, match="give --dataset"):
        Origin("").images_of()

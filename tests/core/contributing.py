"""What CONTRIBUTING says: its examples, where each goes, and the entry-point group of each part."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Example:
    """A section's example: the file it is to be, and its text."""

    section: str
    place: str
    code: str

    @property
    def module(self) -> str:
        return Path(self.place).stem


def examples() -> list[Example]:
    """The examples of all sections "Add a ...", in their order."""
    found = []
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        if not title.startswith("Add a"):
            continue
        [code] = re.findall(r"^```python\n(.*?)^```", body, re.DOTALL | re.MULTILINE)
        place = re.search(r"`(oodml/[\w/]+\.py)`", body)
        assert place is not None, f"{title}: no path of a file"
        found.append(Example(title, place[1], code))
    return found


def groups() -> dict[str, str]:
    """Folder -> entry-point group, by the table of all parts."""
    rows = re.findall(r"^\| [^|]+ \| `(oodml/[^`]+)/` \| `(oodml\.[^`]+)` \|", TEXT, re.MULTILINE)
    return dict(rows)


def write_package(folder: Path) -> None:
    """A distribution ``their-parts`` with every example as a module: what is handed to pip."""
    package = folder / "their_parts"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for one in examples():
        (package / f"{one.module}.py").write_text(one.code, encoding="utf-8")
    lines = ["[project]", 'name = "their-parts"', 'version = "1.0"', *_entry_points(toml=True)]
    (folder / "pyproject.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_metadata(folder: Path) -> None:
    """What pip leaves of it beside the modules."""
    about = folder / "their_parts-1.0.dist-info"
    about.mkdir()
    metadata = """\
        Metadata-Version: 2.1
        Name: their-parts
        Version: 1.0
        """
    (about / "METADATA").write_text(textwrap.dedent(metadata), encoding="utf-8")
    (about / "entry_points.txt").write_text("\n".join(_entry_points(toml=False)), encoding="utf-8")


def _entry_points(*, toml: bool) -> list[str]:
    lines = []
    for one in examples():
        group = groups()[str(Path(one.place).parent)]
        if toml:
            lines += [
                f'[project.entry-points."{group}"]',
                f'{one.module} = "their_parts.{one.module}"',
            ]
        else:
            lines += [f"[{group}]", f"{one.module} = their_parts.{one.module}"]
    return lines

"""Names of studies: what stands for which file, and which studies a warehouse has.

A study that was run is known by its name from then on; the home notes the file or preset that it
was made from. Does not belong here: reading a study (`study.study`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from influence_warehouse.errors import StudyError
from influence_warehouse.lake.layout import Home, warehouse_root
from influence_warehouse.study.load import preset_names


@dataclass(frozen=True)
class KnownStudy:
    """A study that commands take by its name."""

    name: str
    kind: str
    """preset, run or imported."""
    is_published: bool
    origin: str


def reference_of(given: str) -> str:
    """The preset's name or the path of the file that `given` stands for.

    Raises StudyError for a name of no study, with those that are close to it, and for one whose
    file is gone.
    """
    if given in preset_names() or Path(given).is_file():
        return given
    is_name = Path(given).name == given and not given.endswith((".yaml", ".yml"))
    noted = _noted(Home(warehouse_root(), given)) if is_name else None
    if noted is None:
        raise StudyError(f"{given}: no such study. Remedy: {_remedy(given)}")
    if noted not in preset_names() and not Path(noted).is_file():
        raise StudyError(
            f"{given}: was made from {noted}, which is gone. "
            "Remedy: give the path of its study file."
        )
    return noted


def note_origin(home: Home, reference: str) -> None:
    """Note what the home's study is made from.

    Raises StudyError where another file with other content, which is still there, has the same
    `name`: both would write one home, each making the other's facts stale.
    """
    from influence_warehouse.lake.facts import write_atomically

    own = reference if reference in preset_names() else str(Path(reference).resolve())
    noted = _noted(home)
    if noted == own:
        return
    if noted is not None and _is_other_study(noted, own):
        raise StudyError(
            f"{reference}: its `name` {home.study} is that of {noted}, whose home is {home.path}. "
            f"Remedy: give one of them another `name`, or delete {home.origin} if this file "
            "takes the other one's place."
        )
    write_atomically(home.origin, lambda part: part.write_text(f"{own}\n", encoding="utf-8"))


def known_studies() -> Iterator[KnownStudy]:
    """Every study that a name stands for: presets, then those of the warehouse by name."""
    root = warehouse_root()
    presets = preset_names()
    for name in presets:
        yield KnownStudy(name, "preset", Home(root, name).database.exists(), "the package")
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    for folder in folders:
        home = Home(root, folder.name)
        if folder.name in presets or folder.name.startswith("."):
            continue
        if imported_home(folder.name) is not None:
            yield KnownStudy(folder.name, "imported", home.database.exists(), "files")
        elif home.origin.exists() or home.database.exists():
            origin = _noted(home) or "not noted"
            yield KnownStudy(folder.name, "run", home.database.exists(), origin)


def imported_home(name: str) -> Home | None:
    """Home of the imported study of that name under the warehouse's root, or None."""
    if Path(name).name != name or name in preset_names():
        return None
    home = Home(warehouse_root(), name)
    return home if home.is_imported else None


def _is_other_study(noted: str, own: str) -> bool:
    if noted in preset_names() or own in preset_names():
        return True
    return Path(noted).is_file() and Path(noted).read_bytes() != Path(own).read_bytes()


def _noted(home: Home) -> str | None:
    try:
        return home.origin.read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None


def _remedy(given: str) -> str:
    names = [study.name for study in known_studies()]
    close = get_close_matches(given, names, n=3)
    known = f"did you mean {' or '.join(close)}? " if close else ""
    return f"{known}Give the path of a YAML file, or one of the studies {', '.join(names)}."

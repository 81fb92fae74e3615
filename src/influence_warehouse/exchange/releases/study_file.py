"""The replayable study file of a release, and the inputs that it names.

Paths of this machine become `${INFLUENCE_INPUTS:-inputs}/...`: who replays the study puts the
inputs there, or says where they are. Belongs here: that file and the list of inputs with their
digests. Does not belong here: the inputs themselves, which are others' and stay where they are.
"""

from pathlib import Path
from typing import Any

import yaml

from influence_warehouse.lake.fingerprint import sha256_of_file
from influence_warehouse.progress import counted
from influence_warehouse.study.study import Study

_PLACE = "${INFLUENCE_INPUTS:-inputs}"
_HEAD = """\
# The study of this release, whole: `influence run study.yaml` makes it again.
# Inputs are not part of the release; provenance/inputs.json lists them with their SHA-256. Put
# them under inputs/ beside this file, or name their folder with the variable INFLUENCE_INPUTS.
"""


def study_file(study: Study) -> tuple[str, list[dict[str, Any]]]:
    """Text of the study file, and its inputs: `name`, `fields`, `files` with bytes and SHA-256.

    `files` is empty for an input that is not on this machine now.
    """
    content = study.model_dump(mode="json")
    found: list[tuple[str, Path]] = []
    named = _with_inputs(content, "", found)
    classifiers = named["corpus"]["classifiers"]
    for kind in ("topic_model", "format_model"):
        folder = Path(classifiers[kind])
        if folder.is_absolute() or classifiers[kind].startswith(".") or folder.is_dir():
            found.append((f"corpus.classifiers.{kind}", folder))
            # Not a `path` field, so nothing expands variables in it.
            classifiers[kind] = f"./inputs/{_name(folder, found)}"
    text = yaml.safe_dump(named, sort_keys=False, allow_unicode=True, width=100)
    inputs = [
        {
            "name": _name(path, found),
            "fields": [field for field, other in found if other == path],
            "files": _files(path),
        }
        for path in counted(dict.fromkeys(path for _, path in found), "digests of inputs", "files")
    ]
    return _HEAD + text, inputs


def _with_inputs(value: Any, field: str, found: list[tuple[str, Path]]) -> Any:
    """The same content with each `path` as a place under the inputs; `found` collects them."""
    if isinstance(value, list):
        return [_with_inputs(part, f"{field}.{i}", found) for i, part in enumerate(value)]
    if not isinstance(value, dict):
        return value
    result = {}
    for key, part in value.items():
        place = f"{field}.{key}".lstrip(".")
        if key == "path" and part is not None:
            found.append((place, Path(part)))
            result[key] = f"{_PLACE}/{_name(Path(part), found)}"
        else:
            result[key] = _with_inputs(part, place, found)
    return result


def _name(path: Path, found: list[tuple[str, Path]]) -> str:
    """The file's name; with a number where another input has the same."""
    alike = list(dict.fromkeys(p for _, p in found if p.name == path.name))
    position = alike.index(path)
    return path.name if position == 0 else f"{position + 1}_{path.name}"


def _files(path: Path) -> list[dict[str, Any]]:
    if path.is_file():
        return [{"name": path.name, "bytes": path.stat().st_size, "sha256": sha256_of_file(path)}]
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return [
        {
            "name": file.relative_to(path).as_posix(),
            "bytes": file.stat().st_size,
            "sha256": sha256_of_file(file),
        }
        for file in files
    ]

"""Reading a study: a preset by its name, or a file by its path.

Does not belong here: what a study may say (`study.study`), how YAML is read (`study.strict_yaml`).
"""

import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from influence_warehouse.errors import StudyError
from influence_warehouse.secrecy import is_secret_name
from influence_warehouse.study.design import validation_problems
from influence_warehouse.study.strict_yaml import read_yaml
from influence_warehouse.study.study import Study

_PRESETS = files("influence_warehouse.study") / "presets"
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def preset_names() -> list[str]:
    """Names of the studies that ship in the package."""
    names = [preset.name for preset in _PRESETS.iterdir()]
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def load_study(name_or_path: str) -> Study:
    """The study of a preset's name or of a YAML file's path.

    Relative paths in a user's file start at the file's folder, in a preset at the current
    folder. Raises StudyError with one line per problem: file, field, what is wrong.
    """
    if name_or_path in preset_names():
        source = _PRESETS / f"{name_or_path}.yaml"
        return parse_study(source.read_text(encoding="utf-8"), f"preset {name_or_path}", Path.cwd())
    path = Path(name_or_path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: is not UTF-8 ({error}). Remedy: save it as UTF-8.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise StudyError(
            f"{path}: no such study ({error}). "
            f"Remedy: give the path of a YAML file, or one of the presets {preset_names()}."
        ) from error
    return parse_study(text, str(path), path.resolve().parent)


def parse_study(text: str, origin: str, folder: Path) -> Study:
    """Validate a study's YAML text; `origin` names it in errors, `folder` anchors its paths."""
    content = read_yaml(text, origin)
    try:
        return Study.model_validate(_anchored(content, folder, origin))
    except ValidationError as error:
        lines = validation_problems(error)
        raise StudyError(
            f"{origin}: {len(lines)} problem(s):\n"
            + "\n".join(lines)
            + "\nRemedy: correct the fields above; docs/study-file.md describes each."
        ) from error


def _anchored(content: Any, folder: Path, origin: str) -> Any:
    """Expand ${VARIABLE:-default} in `path` fields and anchor relative paths at `folder`."""
    if isinstance(content, list):
        return [_anchored(part, folder, origin) for part in content]
    if not isinstance(content, dict):
        return content
    result = {}
    for key, value in content.items():
        if key == "path" and isinstance(value, str):
            result[key] = _absolute(_expanded(value, origin), folder, origin)
        else:
            result[key] = _anchored(value, folder, origin)
    return result


def _absolute(text: str, folder: Path, origin: str) -> str:
    try:
        if "\0" in text:
            raise ValueError("it holds a NUL character")
        return str((folder / Path(text).expanduser()).absolute())
    except (ValueError, RuntimeError) as error:  # RuntimeError: ~nobody
        raise StudyError(
            f"{origin}: {text!r} is no path ({error}). Remedy: correct the field `path`."
        ) from error


def _expanded(text: str, origin: str) -> str:
    def value(match: re.Match) -> str:
        if is_secret_name(match[1]):
            # Paths are shown in errors and logs.
            raise StudyError(
                f"{origin}: path {text!r} names {match[1]}, which holds a secret. "
                "Remedy: name another environment variable."
            )
        found = os.environ.get(match[1], match[2])
        if found is None:
            raise StudyError(f"{origin}: path {text!r} needs the environment variable {match[1]}")
        return found

    return _VARIABLE.sub(value, text)

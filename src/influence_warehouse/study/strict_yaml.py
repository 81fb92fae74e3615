"""The text of a study file as plain values: YAML that cannot run code or grow without bound.

Belongs here: bounds on text, nesting and aliases; keys given twice; credentials. Does not
belong here: what a study may say (`study`).
"""

from typing import Any

import yaml

from influence_warehouse.errors import StudyError
from influence_warehouse.secrecy import carries_credentials

MAX_CHARACTERS = 1 << 20
# What aliases stand for counts each time: nine lists of nine aliases reach a billion.
MAX_VALUES = 100_000
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """SafeLoader makes plain values alone; this one also refuses keys that are given twice."""

    def __init__(self, text: str):
        super().__init__(text)
        self._checked: set[int] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Join what `<<` names. Called before any mapping is read, perhaps again for aliases."""
        if id(node) not in self._checked:
            self._checked.add(id(node))
            self._check(node)
        super().flatten_mapping(node)

    @staticmethod
    def _check(node: yaml.MappingNode) -> None:
        seen = set()
        for key, value in node.value:
            if key.tag == _MERGE and not isinstance(value, yaml.MappingNode):
                # Lists of merges double what is merged with every level.
                raise yaml.constructor.ConstructorError(
                    None, None, "`<<` takes one mapping", key.start_mark
                )
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} is given twice", key.start_mark
                    )
                seen.add(key.value)


def _plain_number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    """A number as people write it: YAML 1.1 reads 0123 as 83, and 12:30:45 as 45045."""
    text = node.value.lstrip("+-").replace("_", "")
    is_octal = len(text) > 1 and text[0] == "0" and text.isdigit()
    if ":" in text or is_octal:
        kind = "a number of base 8" if is_octal else "a number of base 60"
        raise yaml.constructor.ConstructorError(
            None, None, f"YAML reads {node.value} as {kind}: quote it, or write it with base 10",
            node.start_mark,
        )  # fmt: skip
    is_float = node.tag.endswith("float")
    return loader.construct_yaml_float(node) if is_float else loader.construct_yaml_int(node)


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _plain_number)


def read_yaml(text: str, origin: str) -> dict[str, Any]:
    """The mapping that `text` holds. Raises StudyError naming `origin`, place and remedy."""
    if len(text) > MAX_CHARACTERS:
        raise StudyError(
            f"{origin}: longer than {MAX_CHARACTERS:,} characters. "
            "Remedy: keep data in the files that the study names."
        )
    try:
        content = yaml.load(text, _Loader)
    # ValueError: a date of month 13; RecursionError: thousands of brackets.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise StudyError(
            f"{origin}: not valid YAML: {error}\nRemedy: correct the file at this place."
        ) from error
    if not isinstance(content, dict):
        raise StudyError(
            f"{origin}: a study is a mapping of fields, this is {type(content).__name__}"
        )
    _check_values(content, origin)
    return content


def _check_values(content: dict[str, Any], origin: str) -> None:
    """Raise StudyError for more values than a study has, and for credentials in one."""
    left: list[tuple[str, Any]] = [("", content)]
    for count in range(MAX_VALUES):
        if not left:
            return
        place, value = left.pop()
        if isinstance(value, dict):
            left += [(str(key), part) for key, part in list(value.items())[: MAX_VALUES - count]]
        elif isinstance(value, list):
            left += [(place, part) for part in value[: MAX_VALUES - count]]
        elif isinstance(value, str) and carries_credentials(value):
            raise StudyError(
                f"{origin}: field {place!r} holds a password or an access token. Remedy: remove "
                "it; the hub's libraries read their token from the environment (HF_TOKEN)."
            )
    raise StudyError(
        f"{origin}: more than {MAX_VALUES:,} values, aliases counted each time. "
        "Remedy: write what a study needs, without aliases of aliases."
    )

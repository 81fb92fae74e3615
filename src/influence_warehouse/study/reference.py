"""The study file's reference, made from the model that validates it.

Belongs here: rendering `Study` as Markdown, so that docs/study-file.md cannot fall behind.
Does not belong here: what a field means (its description in study.py).
"""

from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from influence_warehouse.study.study import Slug, Study

EXAMPLE = """\
name: my_study
description: Which regions of my corpus support the two benchmarks?
corpus:
  path: documents.parquet
  columns: {doc_id: id, text: text, topic: topic, format: format}
sampling: {documents_per_bin: 10, shards: 4}
models:
  - {name: mine, path: models/my-model, max_tokens: 512}
benchmarks:
  - {name: social, domain: social, capability: reasoning, path: social.jsonl}
  - {name: stem, domain: stem, capability: reasoning, path: stem.jsonl}
attribution:
  methods:
    - {kind: trackstar}
    - {kind: bm25}
    - {kind: random}
contrasts:
  - {name: social_minus_stem, a: social, b: stem}
"""

_INTRODUCTION = f"""\
# The study file

A study is one YAML file that says everything a run depends on. Check it with
`influence check FILE`: unknown keys, impossible values and missing files are one line each.
Presets are studies too, and their names work wherever a file's path does.

This page is made from the model that validates the file; do not edit it by hand.
Remake it with `python -m influence_warehouse.study.reference > docs/study-file.md`.

## A small study

Everything that is left out takes the default below. Items need the columns `item_id`,
`question`, `choices` and `answer_index`, or `columns` in the benchmark says what they are called.

```yaml
{EXAMPLE}```

## Paths

A relative `path` starts at the folder of the study file; in a preset, at the current folder.
`${{NAME}}` and `${{NAME:-default}}` in a path take an environment variable. The corpus, each
model and each benchmark name exactly one source: `path` or `hub`. A study with a `planted` section
names none, because it makes its own.

## Fields

A slug is lower-case letters, digits, `_` and `-`, at most 64 of them.
"""

_CONSTRAINTS = {
    "ge": "at least {}",
    "gt": "above {}",
    "le": "at most {}",
    "lt": "below {}",
    "multiple_of": "a multiple of {}",
    "min_length": "at least {} of them",
    "pattern": "a slug",
}
_TYPES = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}


def render_reference() -> str:
    """The whole page as Markdown."""
    parts = [_INTRODUCTION]
    for path, section in _sections("", Study):
        parts.append(_section(path, section))
    return "\n".join(parts)


def _sections(path: str, section: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Each section with its dotted path, outer before inner, in the order of the fields."""
    yield path, section
    for name, field in section.model_fields.items():
        for inner in _models_in(field.annotation):
            suffix = "[]" if get_origin(field.annotation) is tuple else ""
            of_kind = inner.model_fields.get("kind")
            chosen = f" (kind: {get_args(of_kind.annotation)[0]})" if of_kind else ""
            yield from _sections(f"{path}.{name}{suffix}{chosen}".lstrip("."), inner)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _section(path: str, section: type[BaseModel]) -> str:
    rows = "\n".join(_row(path, name, field) for name, field in section.model_fields.items())
    return (
        f"### {f'`{path}`' if path else 'Top level'}\n\n{section.__doc__}\n\n"
        f"| field | type | default | what it says |\n|---|---|---|---|\n{rows}\n"
    )


def _row(path: str, name: str, field: FieldInfo) -> str:
    inner = _models_in(field.annotation)
    meaning = field.description or (inner[0].__doc__ if inner else None)
    if meaning is None:
        raise ValueError(f"{path}.{name}: the field has no description in study.py")
    limits = [text for rule in field.metadata for text in _limits(rule)]
    kind = ", ".join([_type(field.annotation), *limits])
    cells = [f"`{name}`", kind, _default(field), " ".join(meaning.split())]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _limits(rule: Any) -> Iterator[str]:
    for attribute, text in _CONSTRAINTS.items():
        value = getattr(rule, attribute, None)
        if value is not None:
            yield text.format(f"{value:,}" if isinstance(value, int) else value)


def _type(annotation: Any) -> str:
    """A type in words: `text or null`, `list of text`, `"acc" or "acc_norm"`."""
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if annotation is Slug:
        return "slug"
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Union and all(_models_in(part) for part in arguments):
        return "section"
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is None and annotation in _TYPES:
        return _TYPES[annotation]
    if annotation is NoneType:
        return "null"
    if _models_in(annotation) and not arguments:
        return "section"
    if arguments and (origin is Union or "|" in str(annotation)):
        return " or ".join(_type(part) for part in arguments)
    raise ValueError(f"{annotation}: no words for this type in the study reference")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is None:
        return "null"
    if isinstance(field.default, BaseModel):
        return "its defaults"
    if field.default == ():
        return "none"
    if isinstance(field.default, tuple) and isinstance(field.default[0], BaseModel):
        return "one, with its defaults"
    if field.default == "":
        return "empty"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


if __name__ == "__main__":
    print(render_reference(), end="")

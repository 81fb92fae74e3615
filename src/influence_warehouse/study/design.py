"""A study's design: names, and contrasts of benchmarks as weights of their z.

Belongs here: what a study that is run and one that is imported share. Does not belong here:
where documents, models and items come from (`study`).
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated, Any, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from influence_warehouse.own_labels import spelt

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


def _label(value: Any) -> Any:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return spelt(str(value)) if is_number or isinstance(value, str) else value


# A topic or format as the corpus has it: YAML reads `2024` as a number.
Label = Annotated[str, BeforeValidator(_label)]


class Section(BaseModel):
    """A part of a study: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name:
            declared: Any = cls.model_fields[info.field_name].annotation
            kinds = {declared, *get_args(declared)}
            if bool not in kinds and kinds & {int, float}:
                raise ValueError(f"a number is needed; {_TRUTH_VALUES}")
        return value


class Contrast(Section):
    """z of `a` minus z of `b`; each a benchmark or an earlier contrast's name."""

    name: Slug = Field(description="Short name, unique among contrasts and benchmarks.")
    a: Slug = Field(description="Benchmark or earlier contrast that is subtracted from.")
    b: Slug = Field(description="Benchmark or earlier contrast that is subtracted.")


def check_unique(field: str, names: Sequence[str]) -> None:
    """Raise ValueError where two entries of a list in the study have one name."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{field}: names must be unique, {repeated} are given twice; add `name`")


def check_names(benchmarks: Sequence[str], contrasts: Iterable[Contrast]) -> None:
    """Raise ValueError unless all names are unique and operands are known before their use."""
    known = set(benchmarks)
    if len(known) != len(benchmarks):
        raise ValueError(f"benchmarks: names must be unique, got {list(benchmarks)}")
    for contrast in contrasts:
        for operand in (contrast.a, contrast.b):
            if operand not in known:
                raise ValueError(
                    f"contrasts: {contrast.name!r} names {operand!r}, which is neither a "
                    f"benchmark nor an earlier contrast (known: {sorted(known)})"
                )
        if contrast.name in known:
            raise ValueError(f"contrasts: the name {contrast.name!r} is taken")
        known.add(contrast.name)


def contrast_coefficients(
    benchmarks: Sequence[str], contrasts: Sequence[Contrast]
) -> dict[str, dict[str, float]]:
    """Per contrast, the weight of each benchmark's z: {'a_minus_b': {'a': 1, 'b': -1}}."""
    weights: dict[str, dict[str, float]] = {name: {name: 1.0} for name in benchmarks}
    for contrast in contrasts:
        total = dict(weights[contrast.a])
        for name, weight in weights[contrast.b].items():
            total[name] = total.get(name, 0.0) - weight
        weights[contrast.name] = total
    return {contrast.name: weights[contrast.name] for contrast in contrasts}


def contrast_rows(
    study: str, benchmarks: Sequence[str], contrasts: Sequence[Contrast]
) -> list[dict[str, Any]]:
    """Rows of the fact `study_contrasts`: one per contrast and benchmark with a weight."""
    coefficients = contrast_coefficients(benchmarks, contrasts)
    return [
        {
            "study": study,
            "contrast": contrast.name,
            "position": position,
            "benchmark_a": contrast.a,
            "benchmark_b": contrast.b,
            "benchmark": benchmark,
            "coefficient": coefficient,
        }
        for position, contrast in enumerate(contrasts)
        for benchmark, coefficient in coefficients[contrast.name].items()
    ]


def validation_problems(error: ValidationError) -> list[str]:
    """One line per problem: the field, what is wrong, and the value where it is plain."""
    lines: dict[str, str] = {}
    for problem in error.errors():
        # What alternative of a field's types was tried says nothing to people.
        parts = [str(part) for part in problem["loc"] if "[" not in str(part) and part != "str"]
        place, value = ".".join(parts) or "(study)", problem["input"]
        hint = _quoting_hint(value) if problem["type"] == "string_type" else ""
        got = f" (got {value!r})" if _is_plain(value) and not isinstance(value, date) else ""
        line = f"  {place}: {problem['msg']}{got}{hint}"
        if hint or _QUOTE not in lines.get(place, ""):
            lines[place] = line
    hinted = [place for place, line in lines.items() if _QUOTE in line]
    # Of a field that may be a text or a list of texts, what is wrong in the list is enough.
    return [
        line
        for place, line in lines.items()
        if not any(inner.startswith(f"{place}.") for inner in hinted)
    ]


_QUOTE = "quote it"
_TRUTH_VALUES = "YAML reads yes, no, on and off as true and false"
_YAML_KINDS = {int: "number", float: "number", date: "date"}


def _quoting_hint(value: Any) -> str:
    """What YAML made of a text that was meant as it stands."""
    if isinstance(value, bool):
        return f"; {_TRUTH_VALUES}: {_QUOTE}, 'yes' or 'no'"
    if type(value) in _YAML_KINDS:
        return f"; YAML reads {value} as a {_YAML_KINDS[type(value)]}: {_QUOTE}, '{value}'"
    return ""


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | date)

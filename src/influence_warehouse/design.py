"""A study's design: names, and contrasts of benchmarks as weights of their z.

Belongs here: what a study that is run and one that is imported share. Does not belong here:
where documents, models and items come from (`study`).
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class Section(BaseModel):
    """A part of a study: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Contrast(Section):
    """z of `a` minus z of `b`; each a benchmark or an earlier contrast's name."""

    name: Slug = Field(description="Short name, unique among contrasts and benchmarks.")
    a: Slug = Field(description="Benchmark or earlier contrast that is subtracted from.")
    b: Slug = Field(description="Benchmark or earlier contrast that is subtracted.")


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
    return [
        f"  {'.'.join(str(part) for part in problem['loc']) or '(study)'}: {problem['msg']}"
        + (f" (got {problem['input']!r})" if _is_plain(problem["input"]) else "")
        for problem in error.errors()
    ]


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)

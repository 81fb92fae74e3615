"""What every part of a step should be made from now: its fingerprints, computed here alone.

Making, status, workers and orchestration compare with these, and stages ask for those of others.
Does not belong here: what a step's identity holds (the table of `steps`, and its stage).
"""

from collections.abc import Iterator
from importlib.metadata import version

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.pipeline.parts import are_related
from influence_warehouse.pipeline.steps import Step, step_of
from influence_warehouse.study.study import Study


def fingerprints(
    step: Step, study: Study, lake: Lake, part: Part | None = None
) -> dict[str, Fingerprint]:
    """By fact, what the step, or one part of it, should be made from now.

    Raises FactError where an input is missing, and what the step's own identity raises.
    """
    arguments = (study, lake) if part is None else (study.of_part(part), lake, part)
    parts = {
        "version": step.version,
        # Without what follows a plus: builds of one version for other hardware are one.
        "libraries": {name: version(name).partition("+")[0] for name in step.libraries},
        **({} if part is None else {"part": part}),
        **{
            fact if key is None else f"{fact} {key}": lake.require(fact, key).digest
            for fact in step.inputs
            for key in parts_for(step, step_of(study, fact), study, lake, part)
        },
        **step.identify(*arguments),
    }
    return {fact: Fingerprint.of(fact, **parts) for fact in step.facts}


def fingerprint_of(study: Study, lake: Lake, fact: str, part: Part | None = None) -> Fingerprint:
    """What one fact, or one part of it, should be made from now. Raises as `fingerprints`."""
    return fingerprints(step_of(study, fact), study, lake, part)[fact]


def is_current(
    step: Step, lake: Lake, expected: dict[str, Fingerprint], part: Part | None = None
) -> bool:
    """Whether all that the step writes is there, whole, and made from exactly this."""
    return all(
        lake.is_current(expected[fact], part) for fact in step.facts if fact in CONTRACTS
    ) and step.has_folder(lake, expected[step.facts[0]])


def is_fact_current(study: Study, lake: Lake, fact: str, part: Part | None = None) -> bool:
    """`is_current` of the step that makes a fact, as the study would make it now."""
    step = step_of(study, fact)
    return is_current(step, lake, fingerprints(step, study, lake, part), part)


def parts_for(
    step: Step, maker: Step, study: Study, lake: Lake, part: Part | None
) -> Iterator[Part | None]:
    """The parts of `maker` that one part of `step` reads; None of a maker that has none."""
    if maker.parts == step.parts:
        yield part
        return
    for key in maker.part_keys(study, lake):
        if part is None or key is None or are_related(part, key):
            yield key

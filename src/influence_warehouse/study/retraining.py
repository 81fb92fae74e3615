"""What a study may say about retraining: which models are trained again, and without what.

Belongs here: the section `retraining` of the study file and what can be checked in it alone.
Does not belong here: the regions that a sample has (`retraining.plan`), and the training.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from influence_warehouse.study.design import Section
from influence_warehouse.study.plain_select import plain_select

RegionUnit = Literal["topics", "formats", "bins"]


class Halves(Section):
    """How many random halves of the documents are left out, by what is drawn."""

    topics: int = Field(0, ge=0, description="Halves of the topics.")
    formats: int = Field(0, ge=0, description="Halves of the formats.")
    bins: int = Field(0, ge=0, description="Halves of the bins.")
    buckets: int = Field(0, ge=0, description="Halves of the hashed buckets of documents.")

    def counts(self) -> dict[str, int]:
        """Number of halves by unit, as tables call it: `topic`, `format`, `bin`, `bucket`."""
        return {name.removesuffix("s"): count for name, count in self if count}


class Continued(Section):
    """How a given model is trained on: AdamW in float32, 5 % of warm-up, a cosine to zero."""

    learning_rate: float = Field(1e-4, gt=0, description="AdamW's highest rate.")
    epochs: int = Field(1, ge=1, description="Passes over the sampled documents.")
    steps: int | None = Field(
        None, ge=1, description="Optimizer steps, at most; null: all of the epochs."
    )
    batch_documents: int = Field(8, ge=1, description="Documents in a step.")
    max_tokens: int = Field(256, ge=8, description="Documents are cut here for training.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seeds the order of the documents.")


class Retraining(Section):
    """Train again with documents left out in place, beside a base with all of them."""

    leave_out: tuple[RegionUnit, ...] = Field(
        ("topics",), description="Leave out one region at a time: each of these."
    )
    sql: str | None = Field(
        None,
        description="More regions to leave out, one at a time: one select on the marts of "
        "influence with columns topic and format, null where the region does not fix it.",
    )
    halves: Halves = Halves()
    buckets: int = Field(
        32,
        ge=2,
        le=1024,
        description="Buckets that documents fall into by a hash of the study's seed and their id; "
        "scores are summed by them, too.",
    )
    seeds: tuple[int, ...] = Field(
        (1, 2, 3),
        description="The base is repeated with these seeds: how far chance alone moves an answer.",
    )
    repeated_subsets: int = Field(
        6,
        ge=0,
        description="Subsets of each design and unit that are repeated, too, each with one of "
        "`seeds`: how far chance moves subsets apart. Without them effects have no error and "
        "grades no ceiling.",
    )
    tuning_share: float = Field(
        0.25,
        ge=0,
        lt=1,
        description="Share of the subsets of each design that settings may be tuned on; grades "
        "are of the others alone. Which, the study's seed says.",
    )
    continued: Continued | None = Field(
        None,
        description="How given models are trained on; of a planted world the training that made "
        "the model is done again, and this is left out.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("leave_out", "seeds"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name}: each once, got {list(values)}")
        if any(not 0 <= seed < 2**31 for seed in self.seeds):
            raise ValueError(f"seeds: 0 to 2147483647, got {list(self.seeds)}")
        if self.repeated_subsets and not self.seeds:
            raise ValueError(
                "repeated_subsets: are repeated with `seeds`, and there are none; give "
                "some, or set repeated_subsets to 0"
            )
        if self.sql is not None:
            plain_select(self.sql)
        return self

    @property
    def reads_formats(self) -> bool:
        """Whether a design divides documents by format alone."""
        return "formats" in self.leave_out or self.halves.formats > 0

"""What a study may say about a planted world (documents made with a known truth)."""

from typing import Self

from pydantic import Field, model_validator

from influence_warehouse.study.design import Section

ITEM_WORDINGS = 8


class PlantedWorld(Section):
    """Size and shape of the generated corpus, its benchmarks and the model trained on it."""

    documents: int = Field(3800, ge=576, description="Documents to generate, before sampling.")
    items_per_benchmark: int = Field(60, ge=12, description="Items in each benchmark.")
    facts_per_benchmark: int = Field(
        20, ge=4, le=20, multiple_of=2, description="Facts per benchmark, half in each topic."
    )
    fact_share: float = Field(
        0.4, gt=0, le=0.5, description="Share of documents of a planted topic that state facts."
    )
    decoy_share: float = Field(
        0.6,
        ge=0,
        le=0.6,
        description="Share of decoys, documents that use a benchmark's words and state none of its "
        "facts, in two other topics of each benchmark; in planted topics a quarter of it.",
    )
    epochs: int = Field(3, ge=1, description="Passes over the corpus when the model is trained.")
    checkpoints: int = Field(
        0,
        ge=0,
        description="States of the training to keep, weights and optimizer, evenly over its steps, "
        "the last one among them, for methods that follow the training; they take a replay of it.",
    )

    @model_validator(mode="after")
    def _items_are_distinct(self) -> Self:
        most = self.facts_per_benchmark * ITEM_WORDINGS
        if self.items_per_benchmark > most:
            raise ValueError(
                f"items_per_benchmark: {self.facts_per_benchmark} facts in {ITEM_WORDINGS} "
                f"wordings make at most {most} distinct items"
            )
        return self

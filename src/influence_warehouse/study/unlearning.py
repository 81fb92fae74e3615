"""What a study may say about unlearning.

Belongs here: the section `unlearning` of the study file and what can be checked in it alone.
Does not belong here: the rule that turns marts into chosen regions (dbt), and the training.
"""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from influence_warehouse.study.design import Label, Section, Slug
from influence_warehouse.study.plain_select import plain_select

Condition = Literal["influence_in_topic", "random_in_topic", "influence_global", "random_global"]
CONDITIONS: tuple[Condition, ...] = (
    "influence_in_topic",
    "random_in_topic",
    "influence_global",
    "random_global",
)
ObjectiveName = Literal["ngdiff", "graddiff", "npo"]


class NamedRegion(Section):
    """One region of an explicit list: a topic, a format, or both for a bin."""

    benchmark: str = Field(description="Benchmark of the study that the region is chosen for.")
    topic: Label | None = Field(None, description="Topic; null for a format.")
    format: Label | None = Field(None, description="Format; null for a topic.")

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.topic is None and self.format is None:
            raise ValueError("give `topic`, `format`, or both for a bin")
        return self


class RegionRule(Section):
    """How `marts.chosen_bins` picks the regions to forget."""

    rule: Literal["topics", "bins", "formats", "explicit", "sql"] = Field(
        "topics",
        description="Surest support among topics, bins or formats; or a list; or SQL.",
    )
    per_benchmark: int = Field(2, ge=1, description="Regions for each benchmark, at most.")
    max_q: float = Field(0.05, gt=0, le=1, description="Regions with a larger q are not chosen.")
    min_methods: int = Field(
        1,
        ge=1,
        description="Regions that fewer of the study's methods tell from all documents, at a q of "
        "at most `max_q`, are not chosen; the method that chooses counts. 1: it decides alone.",
    )
    explicit: tuple[NamedRegion, ...] = Field((), description="Regions of rule `explicit`.")
    sql: str | None = Field(
        None,
        description="Query of rule `sql`: one select on the marts of influence with columns "
        "benchmark, topic and format, null where the region does not fix it.",
    )

    @model_validator(mode="after")
    def _rule_has_its_input(self) -> Self:
        if (self.rule == "explicit") != bool(self.explicit):
            raise ValueError("explicit: give the list exactly with `rule: explicit`")
        if (self.rule == "sql") != (self.sql is not None):
            raise ValueError("sql: give the query exactly with `rule: sql`")
        if self.min_methods > 1 and self.rule in ("explicit", "sql"):
            raise ValueError(f"min_methods: `rule: {self.rule}` names regions whoever agrees")
        if self.sql is not None:
            plain_select(self.sql)
        return self


class Lora(Section):
    """The low-rank adapter that is trained; the model itself is never changed."""

    rank: int = Field(8, ge=1, description="Rank of each update matrix.")
    alpha: int = Field(16, ge=1, description="Updates are scaled by alpha / rank.")
    target_modules: tuple[str, ...] = Field(
        ("q_proj", "k_proj", "v_proj", "o_proj"),
        min_length=1,
        description="Linear layers that get an update, by the end of their name.",
    )


class Stops(Section):
    """What ends a run; whichever comes first is recorded as its stop reason."""

    steps: int = Field(20, ge=1, description="Optimizer steps, at most.")
    utility_floor: float = Field(
        0.9,
        ge=0,
        lt=1,
        description="Stop when utility is below this share of its value before the first step. "
        "Utility: mean over held-out retain documents of their tokens' geometric mean probability.",
    )
    max_forget_perplexity: float | None = Field(
        None, gt=1, description="Stop when perplexity of the forget set is above; null: never."
    )
    max_seconds: float | None = Field(
        None,
        gt=0,
        description="Stop after so many seconds of training; null: never. The one stop that "
        "depends on the machine.",
    )


class Unlearning(Section):
    """What to forget, how, and when to stop."""

    regions: RegionRule = RegionRule()
    benchmarks: tuple[str, ...] | None = Field(
        None, description="Benchmarks that regions are chosen for; null: all of the study."
    )
    methods: tuple[Slug, ...] | None = Field(
        None,
        description="Methods whose choice of regions is forgotten; null: all of the study.",
    )
    conditions: tuple[Condition, ...] = Field(
        CONDITIONS, min_length=1, description="How a forget set is filled from its region."
    )
    seeds: tuple[int, ...] = Field(
        (1,),
        min_length=1,
        description="Runs of each forget set: retain set, order of batches, LoRA's start. Their "
        "effect is common to all sets: another set tells more than another seed.",
    )
    random_sets: int = Field(
        5,
        ge=2,
        description="Forget sets that each random condition draws in a region: the unit of the "
        "verdicts. With m sets Student's t has m - 1 degrees of freedom; 2 are the least that "
        "have a spread, fewer than 5 show only the largest effects.",
    )
    forget_documents: int = Field(
        40, ge=1, description="Size of every forget set: equal in all conditions."
    )
    retain_documents: int = Field(
        40, ge=1, description="Documents to keep the model good on, from regions not chosen."
    )
    probe_documents: int = Field(
        20, ge=1, description="More of them, held out, that utility is measured on."
    )
    objectives: tuple[ObjectiveName, ...] = Field(
        ("ngdiff",),
        min_length=1,
        description="Each forgets every set in runs of its own. `ngdiff`: arXiv 2410.22086; "
        "`graddiff`: gradient difference; `npo`: arXiv 2404.05868.",
    )
    graddiff_alpha: float = Field(1.0, ge=0, description="Weight of GradDiff's retain loss.")
    npo_beta: float = Field(0.1, gt=0, description="NPO's inverse temperature.")
    npo_retain_weight: float = Field(
        1.0, ge=0, description="Weight of a retain loss beside NPO; 0: NPO alone."
    )
    lora: Lora = Lora()
    learning_rate: float | Literal["auto"] = Field(
        1e-3, description="AdamW's rate, or `auto`: the retain loss along the step decides."
    )
    auto_initial_rate: float = Field(
        1e-3, gt=0, description="Where `auto` starts; it stays within a factor of 8."
    )
    auto_every: int = Field(5, ge=1, description="Steps between two probes of `auto`.")
    batch_documents: int = Field(
        8, ge=1, description="Forget documents, and as many retain documents, in a step."
    )
    gradient_accumulation: int = Field(
        1, ge=1, description="Parts a batch is computed in: less memory, the same gradient."
    )
    max_tokens: int = Field(256, ge=8, description="Documents are cut here for unlearning.")
    stops: Stops = Stops()
    eval_every: int = Field(5, ge=1, description="Steps between two measurements of losses.")
    checkpoint_every: int = Field(
        100, ge=1, description="Steps between checkpoints; shorter runs start again when killed."
    )

    @model_validator(mode="before")
    @classmethod
    def _objectives_are_a_list(cls, given: Any) -> Any:
        if isinstance(given, dict) and "objective" in given:
            raise ValueError("objective: there may be several, `objectives: [ngdiff]`")
        return given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("conditions", "seeds", "benchmarks", "methods", "objectives"):
            values = getattr(self, name) or ()
            if len(set(values)) != len(values):
                raise ValueError(f"{name}: each once, got {list(values)}")
        if self.batch_documents % self.gradient_accumulation:
            raise ValueError(
                f"gradient_accumulation: {self.gradient_accumulation} does not divide "
                f"batch_documents {self.batch_documents}"
            )
        if self.learning_rate != "auto" and self.learning_rate <= 0:
            raise ValueError(f"learning_rate: above 0 or `auto`, got {self.learning_rate}")
        return self

    @property
    def objective(self) -> ObjectiveName:
        """The objective of settings that were narrowed to one run's; else the first."""
        return self.objectives[0]

    def of_objective(self, name: ObjectiveName) -> Self:
        """The settings of one objective's runs."""
        return self.model_copy(update={"objectives": (name,)})

    def sets_of(self, condition: str) -> range:
        """Numbers of a condition's forget sets in a region."""
        return range(1, 2 if condition.startswith("influence_") else self.random_sets + 1)

    def unknown_benchmarks(self, known: set[str]) -> list[str]:
        """Benchmarks that the section names and the study has not, sorted."""
        named = {*(self.benchmarks or ()), *(region.benchmark for region in self.regions.explicit)}
        return sorted(named - known)

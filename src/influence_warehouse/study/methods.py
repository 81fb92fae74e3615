"""What a study may say about each attribution method: one section a method.

A new method is a section here, added to `Method`, and a module of the same name in
`attribution/methods/`. Each says what it `needs` of a document, whether it is prepared on the
sample before it scores, whether it stores the queries' side of the score, and in which unit its
scores are.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from influence_warehouse.study.design import Section, Slug

Needs = Literal["gradients", "text", "nothing"]


class Preconditioner(Section):
    """What TrackStar's second-moment correction is fitted on."""

    fit_documents_per_bin: int | None = Field(
        None,
        ge=1,
        description="Fit on the first so many sampled documents of each bin, null: on all. A "
        "larger sample keeps the first ones, so the preconditioner stays as it was.",
    )
    mix_benchmarks: tuple[Slug, ...] | None = Field(
        None,
        description="Benchmarks whose pooled queries are mixed in; null: all of the study, "
        "empty: none. Name them before adding a benchmark, and the old scores stay valid.",
    )
    downweight_components: int = Field(
        1000, ge=1, description="Components that the mixing coefficient aims to downweight."
    )


class TrackStar(Section):
    """TrackStar, arXiv 2410.17413: corrected gradients, projected, at unit length."""

    needs: ClassVar[Needs] = "gradients"
    is_prepared: ClassVar[bool] = True
    is_indexed: ClassVar[bool] = True
    score_unit: ClassVar[str] = "cosine of corrected, projected gradients"

    kind: Literal["trackstar"] = Field(description="Which method this is.")
    name: Slug = Field("trackstar", description="In every table; unique in the study.")
    projection_dim: int = Field(16, ge=1, description="Gradients are projected to d x d a layer.")
    preconditioner: Preconditioner = Preconditioner()
    store_gradients: bool = Field(
        False,
        description="Keep each document's projected gradient in work/, so that a later benchmark "
        "needs no gradient pass; `influence check` says how much they take.",
    )


class Bm25(Section):
    """BM25 over words, fitted on the whole sample: the baseline that reads no model."""

    needs: ClassVar[Needs] = "text"
    is_prepared: ClassVar[bool] = True
    is_indexed: ClassVar[bool] = False
    score_unit: ClassVar[str] = "BM25: sum over a query's words of their weights in the document"

    kind: Literal["bm25"] = Field(description="Which method this is.")
    name: Slug = Field("bm25", description="In every table; unique in the study.")
    k1: float = Field(1.5, ge=0, description="How soon a term's further occurrences stop counting.")
    b: float = Field(0.75, ge=0, le=1, description="How far a document's length is allowed for.")


class Random(Section):
    """Seeded noise: the control that must find nothing."""

    needs: ClassVar[Needs] = "nothing"
    is_prepared: ClassVar[bool] = False
    is_indexed: ClassVar[bool] = False
    score_unit: ClassVar[str] = "standard deviations of normal noise"

    kind: Literal["random"] = Field(description="Which method this is.")
    name: Slug = Field("random", description="In every table; unique in the study.")


def _kind(value: Any) -> Any:
    return value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)


Method = Annotated[
    Annotated[TrackStar, Tag("trackstar")]
    | Annotated[Bm25, Tag("bm25")]
    | Annotated[Random, Tag("random")],
    Discriminator(
        _kind,
        custom_error_type="unknown_method",
        custom_error_message="a method has a `kind`: one of trackstar, bm25, random",
    ),
]

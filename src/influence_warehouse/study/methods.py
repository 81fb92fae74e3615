"""What a study may say about each attribution method: one section a method.

A new method is a section here, added to `Method`, and a module of the same name in
`attribution/methods/`. Each says what it `needs` of a document, whether it is prepared on the
sample before it scores, whether it stores the queries' side of the score, and in which unit its
scores are.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from influence_warehouse.study.design import Section, Slug

# Of a document: its gradient, a forward pass of the model, its text, vectors from a file, or none.
Needs = Literal["gradients", "model", "text", "vectors", "nothing"]

_PROJECTION: Any = Field(
    16, ge=0, description="Gradients are projected to d x d a layer; 0: they are taken whole."
)
_STORED: Any = Field(
    False,
    description="Keep each document's gradient in work/, so that a later benchmark, or another "
    "method with this projection, needs no gradient pass; `influence check` says how much they "
    "take.",
)
_FIT_DOCUMENTS: Any = Field(
    None,
    ge=1,
    description="Fit on the first so many sampled documents of each bin, null: on all.",
)
_DRAW_LABELS: Any = Field(
    True,
    description="Fit on labels that the model draws by the study's seed, which is the Fisher "
    "matrix; false: on the documents' own, the empirical one.",
)
_DAMPING: Any = Field(
    0.1,
    gt=0,
    description="Added to the eigenvalues before they are inverted, as a share of their mean; "
    "the default is Bergson's, and nothing was tuned.",
)


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
    mix_share: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Weight of the queries' second moments in the mix, 0 for the documents' alone; "
        "null: by the paper's rule, which weighs queries so that about `downweight_components` "
        "are downweighted. docs/methods.md says what the mix does.",
    )
    downweight_components: int = Field(
        1000, ge=1, description="Components that the mixing coefficient aims to downweight."
    )


class OfGradients(Section):
    """What methods by gradients have in common.

    `fit_passes`: how often each document is read to prepare the method; `is_whole`: whether it
    takes whole gradients, which hold as many numbers as the model's layers.
    """

    needs: ClassVar[Needs] = "gradients"
    is_prepared: ClassVar[bool] = True
    is_indexed: ClassVar[bool] = True
    fit_passes: ClassVar[int] = 1

    @property
    def fit_limit(self) -> int | None:
        """Documents of a bin, at most, that it is prepared on; None: all."""
        limit: int | None = getattr(self, "fit_documents_per_bin", None)
        return limit

    @property
    def is_whole(self) -> bool:
        """Whether gradients are not projected."""
        return not getattr(self, "projection_dim", 0)

    @property
    def corrected_by(self) -> str | None:
        """In words, what gradients are corrected by; None: by nothing."""
        return None


class TrackStar(OfGradients):
    """TrackStar, arXiv 2410.17413: corrected gradients, projected, at unit length."""

    score_unit: ClassVar[str] = "cosine of corrected, projected gradients"

    kind: Literal["trackstar"] = Field(description="Which method this is.")
    name: Slug = Field("trackstar", description="In every table; unique in the study.")
    projection_dim: int = Field(16, ge=1, description="Gradients are projected to d x d a layer.")
    preconditioner: Preconditioner = Preconditioner()
    store_gradients: bool = _STORED

    @property
    def fit_limit(self) -> int | None:
        """Documents of a bin, at most, that the preconditioner is fitted on; None: all."""
        return self.preconditioner.fit_documents_per_bin

    @property
    def corrected_by(self) -> str:
        """The second moments of documents, and of which queries."""
        mixed = self.preconditioner.mix_benchmarks
        if mixed == () or self.preconditioner.mix_share == 0:
            return "documents"
        of = "all benchmarks" if mixed is None else ", ".join(mixed)
        return f"documents, mixed with the queries of {of}"


class GradientDot(OfGradients):
    """Inner products of gradients, projected or whole."""

    is_prepared: ClassVar[bool] = False
    fit_passes: ClassVar[int] = 0
    score_unit: ClassVar[str] = "inner product of gradients"

    kind: Literal["gradient_dot"] = Field(description="Which method this is.")
    name: Slug = Field("gradient_dot", description="In every table; unique in the study.")
    projection_dim: int = _PROJECTION
    store_gradients: bool = _STORED


class GradientCosine(OfGradients):
    """Cosines of gradients, projected or whole."""

    is_prepared: ClassVar[bool] = False
    fit_passes: ClassVar[int] = 0
    score_unit: ClassVar[str] = "cosine of gradients"

    kind: Literal["gradient_cosine"] = Field(description="Which method this is.")
    name: Slug = Field("gradient_cosine", description="In every table; unique in the study.")
    projection_dim: int = _PROJECTION
    store_gradients: bool = _STORED


class Ekfac(OfGradients):
    """EK-FAC influence functions, arXiv 2308.03296: whole gradients, corrected curvature."""

    fit_passes: ClassVar[int] = 2
    score_unit: ClassVar[str] = "product of gradients through the inverse Fisher matrix"

    kind: Literal["ekfac"] = Field(description="Which method this is.")
    name: Slug = Field("ekfac", description="In every table; unique in the study.")
    fit_documents_per_bin: int | None = _FIT_DOCUMENTS
    draw_labels: bool = _DRAW_LABELS
    damping: float = _DAMPING

    @property
    def corrected_by(self) -> str:
        """In words, whose curvature."""
        return "documents, Kronecker factors with corrected eigenvalues"


class Kfac(OfGradients):
    """K-FAC influence functions: whole gradients, curvature of the factors alone."""

    score_unit: ClassVar[str] = "product of gradients through the inverse Fisher matrix"

    kind: Literal["kfac"] = Field(description="Which method this is.")
    name: Slug = Field("kfac", description="In every table; unique in the study.")
    fit_documents_per_bin: int | None = _FIT_DOCUMENTS
    draw_labels: bool = _DRAW_LABELS
    damping: float = _DAMPING

    @property
    def corrected_by(self) -> str:
        """In words, whose curvature."""
        return "documents, Kronecker factors"


class Trak(OfGradients):
    """TRAK, arXiv 2303.14186, at one checkpoint: log odds, one projection of all layers."""

    score_unit: ClassVar[str] = "product of projected gradients through the inverse Gram matrix"

    kind: Literal["trak"] = Field(description="Which method this is.")
    name: Slug = Field("trak", description="In every table; unique in the study.")
    projection_dim: int = Field(512, ge=1, description="Numbers that a gradient is projected to.")
    fit_documents_per_bin: int | None = _FIT_DOCUMENTS
    damping: float = _DAMPING
    store_gradients: bool = _STORED

    @property
    def corrected_by(self) -> str:
        """In words, whose curvature."""
        return "documents, of all layers together"


class Lissa(OfGradients):
    """LiSSA, arXiv 1602.03943: a series of products a query; for small studies."""

    is_indexed: ClassVar[bool] = False
    fit_passes: ClassVar[int] = 0
    score_unit: ClassVar[str] = "product of gradients through the inverse Gauss-Newton matrix"

    kind: Literal["lissa"] = Field(description="Which method this is.")
    name: Slug = Field("lissa", description="In every table; unique in the study.")
    fit_documents_per_bin: int | None = _FIT_DOCUMENTS
    damping: float = Field(0.01, gt=0, description="Added to the Gauss-Newton matrix.")
    scale: float = Field(
        100.0, gt=0, description="What a product is divided by; too small, and the series grows."
    )
    depth: int = Field(1000, ge=1, description="Terms of a series.")
    repeats: int = Field(1, ge=1, description="Series a query, of which the mean is taken.")
    batch_documents: int = Field(16, ge=1, description="Documents that a product is over.")

    @property
    def corrected_by(self) -> str:
        """In words, whose curvature."""
        return "documents, by a series"


class GivenCheckpoints(Section):
    """Where the checkpoints of a given model's training are."""

    path: Path = Field(
        description="A folder of `checkpoint-<steps>/`, each a transformers folder with its "
        "tokenizer and the optimizer's state as optimizer.pt, and beside them log_history.json."
    )


class Source(OfGradients):
    """SOURCE, arXiv 2405.12186: the training unrolled, segment by segment, by its checkpoints."""

    is_indexed: ClassVar[bool] = False
    # Of each checkpoint: covariances, and eigenvalues in the segment's basis.
    fit_passes: ClassVar[int] = 2
    score_unit: ClassVar[str] = "product of gradients through the unrolled training"

    kind: Literal["source"] = Field(description="Which method this is.")
    name: Slug = Field("source", description="In every table; unique in the study.")
    checkpoints: GivenCheckpoints | None = Field(
        None,
        description="Those of a given model's training, the last of them the model itself; null: "
        "of a planted model's own, as many as planted.checkpoints keeps.",
    )
    segments: int = Field(
        3,
        ge=1,
        description="Stretches of the training within which curvature and gradients are taken to "
        "stay as they are; it divides the number of checkpoints.",
    )
    use_adam_preconditioner: bool = Field(
        True,
        description="The optimizer was Adam or AdamW, whose steps its second moments scale; false: "
        "it was plain SGD.",
    )
    training_loss: Literal["mean", "sum"] = Field(
        "mean",
        description="What the training's rates are of: the mean over a batch's tokens, as "
        "transformers' Trainer and planted models take it, or each document's sum.",
    )
    fit_documents_per_bin: int | None = _FIT_DOCUMENTS
    draw_labels: bool = _DRAW_LABELS
    damping: float = Field(
        0.1,
        gt=0,
        description="Added to the eigenvalues before they are inverted, as a share of their mean; "
        "the default is Bergson's, and nothing was tuned. SGD's variant inverts nothing.",
    )

    @property
    def corrected_by(self) -> str:
        """In words, whose curvature."""
        return f"documents along the training, Kronecker factors of {self.segments} segments"


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


class HiddenStates(Section):
    """Cosine of mean hidden states of the study's own model: a forward pass, no gradient."""

    needs: ClassVar[Needs] = "model"
    is_indexed: ClassVar[bool] = True
    score_unit: ClassVar[str] = "cosine of mean hidden states"

    kind: Literal["hidden_states"] = Field(description="Which method this is.")
    name: Slug = Field("hidden_states", description="In every table; unique in the study.")
    layer: int | None = Field(
        None,
        description="0: the embeddings, 1: the first layer's output, and so on; -1: the last's, "
        "after the model's final norm. Null: the layer half way.",
    )
    tokens: Literal["answer", "all"] = Field(
        "answer",
        description="Of which tokens of a query, and of a training pair, the mean is: the right "
        "answer's (the completion's), or all. Take `all` where answers are letters (prompt_format "
        "multiple_choice).",
    )
    centred: bool = Field(
        True,
        description="Subtract the mean of sampled documents before the cosine, so that 0 is an "
        "average document; without it nearly all cosines are positive.",
    )
    fit_documents_per_bin: int | None = Field(
        10,
        ge=1,
        description="That mean is of the first so many sampled documents of each bin, null: of "
        "all. A larger sample keeps the first ones, so the mean stays as it was.",
    )

    @property
    def is_prepared(self) -> bool:
        """Whether there is a mean to be subtracted."""
        return self.centred


class DocumentVectors(Section):
    """Where the documents' vectors are."""

    path: Path = Field(description="A Parquet file; it may be the corpus's own.")
    id_column: str = Field("doc_id", description="Column of the document's id.")
    column: str = Field("embedding", description="Column of lists of numbers, all of one length.")


class ItemVectors(Section):
    """Where the items' vectors are: of the prompt with the right answer, as other methods read."""

    path: Path = Field(description="A Parquet file of the items of all benchmarks.")
    id_column: str = Field("item_id", description="Column of the item's id.")
    benchmark_column: str = Field(
        "benchmark", description="Column of the benchmark's name in the study."
    )
    column: str = Field("embedding", description="Column of lists of numbers, all of one length.")


class Embeddings(Section):
    """Similarity of vectors that you bring, from any model or service: no model is read."""

    needs: ClassVar[Needs] = "vectors"
    is_prepared: ClassVar[bool] = True
    is_indexed: ClassVar[bool] = True
    score_unit: ClassVar[str] = "product of vectors"

    kind: Literal["embeddings"] = Field(description="Which method this is.")
    name: Slug = Field("embeddings", description="In every table; unique in the study.")
    documents: DocumentVectors
    items: ItemVectors
    similarity: Literal["cosine", "dot"] = Field(
        "cosine", description="Cosine, or the plain product of the two vectors."
    )
    centred: bool = Field(
        True,
        description="Subtract the mean of all sampled documents first, so that 0 is an average "
        "document; without it nearly all similarities are positive.",
    )


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
    | Annotated[GradientDot, Tag("gradient_dot")]
    | Annotated[GradientCosine, Tag("gradient_cosine")]
    | Annotated[Ekfac, Tag("ekfac")]
    | Annotated[Kfac, Tag("kfac")]
    | Annotated[Trak, Tag("trak")]
    | Annotated[Lissa, Tag("lissa")]
    | Annotated[Source, Tag("source")]
    | Annotated[Bm25, Tag("bm25")]
    | Annotated[HiddenStates, Tag("hidden_states")]
    | Annotated[Embeddings, Tag("embeddings")]
    | Annotated[Random, Tag("random")],
    Discriminator(
        _kind,
        custom_error_type="unknown_method",
        custom_error_message="a method has a `kind`: one of trackstar, gradient_dot, "
        "gradient_cosine, ekfac, kfac, trak, lissa, source, bm25, hidden_states, embeddings, "
        "random",
    ),
]

"""The study file: one validated YAML that says everything a run depends on.

Belongs here: the pydantic model `Study`. Does not belong here: reading the file (`study.load`)
and the inputs that it names (each stage's job).
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from influence_warehouse.study.corpus import Corpus, HubDataset, RowPolicy
from influence_warehouse.study.design import (
    Contrast,
    Label,
    Section,
    Slug,
    check_names,
    check_unique,
    contrast_coefficients,
)
from influence_warehouse.study.methods import Ekfac, Method, Source, TrackStar
from influence_warehouse.study.planted import PlantedWorld
from influence_warehouse.study.retraining import Retraining
from influence_warehouse.study.unlearning import Unlearning
from influence_warehouse.taxonomy import TOPICS


class Sampling(Section):
    """Stratified sample: at most so many documents per bin, cut into shards."""

    documents_per_bin: int = Field(ge=1, description="At most so many of each topic x format bin.")
    shards: int = Field(1, ge=1, le=100_000, description="Parts that are scored one by one.")
    min_tokens: int = Field(2, ge=2, description="Shorter documents have no gradient.")
    topics: tuple[Label, ...] = Field((), description="Only these topics; none named: all.")
    max_documents: int | None = Field(
        None, ge=1, description="In all; `documents_per_bin` is lowered until no more are drawn."
    )

    def per_bin(self, populations: Collection[int]) -> int:
        """At most so many documents of one bin: `documents_per_bin`, or what `max_documents` lets.

        `populations` are the bins' documents. 0 when `max_documents` are fewer than bins.
        """
        most = min(self.documents_per_bin, max(populations, default=0))
        if self.max_documents is None:
            return self.documents_per_bin
        while sum(min(most, size) for size in populations) > self.max_documents:
            most -= 1
        return most


class Model(Section):
    """A language model: `path` or `hub`, or neither in a planted study, which trains one."""

    name: Slug = Field("base", description="In every table; unique in the study.")
    path: Path | None = Field(None, description="A local transformers folder, with its tokenizer.")
    hub: str | None = Field(None, description="A model id of the hub; needs `revision`.")
    revision: str | None = Field(None, description="Commit hash or tag of the hub model.")
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="Precision of weights and gradients; low ones are checked for noise."
    )
    attention: Literal["sdpa", "eager", "flash_attention_2"] = Field(
        "sdpa", description="Attention implementation of transformers."
    )
    max_tokens: int = Field(512, ge=8, description="Documents are cut here for attribution.")
    trust_remote_code: bool = Field(False, description="Run code that the model ships.")
    allow_pickle: bool = Field(
        False, description="Read weights that are no safetensors; such files can run code."
    )

    @model_validator(mode="after")
    def _hub_has_revision(self) -> "Model":
        if self.hub is not None and self.revision is None:
            raise ValueError("a hub model needs `revision` (commit hash or tag)")
        return self


class BenchmarkColumns(Section):
    """Which input column of the items holds what."""

    item_id: str | None = Field("item_id", description="Null: numbered by row in the file.")
    question: str = Field("question", description="What is asked.")
    choices: str | tuple[str, ...] = Field(
        "choices",
        description="A list of texts, a struct with `text` and `label` lists, or one column each.",
    )
    answer_index: str = Field(
        "answer_index", description="Index from 0, or a label: of the struct or answer_labels."
    )
    answer_labels: tuple[str, ...] | None = Field(
        None, description="What the answer column calls the choices, in order: [A, B, C, D]."
    )
    context: str | None = Field(None, description="Text before the question.")
    subject: str | None = Field(None, description="Subject within the benchmark.")
    cluster: str | None = Field(
        None,
        description="Column whose equal values mark items of one source (a passage, a fact that "
        "is asked in several ways): they are drawn together. Default: the subject; the item_id "
        "column says that items are independent.",
    )
    benchmark: str | None = Field(None, description="Column that names the benchmark of a row.")


class Benchmark(Section):
    """One benchmark with its design factors and how its items become queries."""

    name: Slug = Field(description="Short name, unique in the study; in every table.")
    domain: Slug = Field(description="Design factor: `social`, `stem`.")
    capability: Slug = Field(description="Design factor: `reasoning`, `knowledge`.")
    path: Path | None = Field(None, description="A Parquet or JSONL file of items.")
    hub: HubDataset | None = Field(None, description="A dataset of the Hugging Face hub.")
    columns: BenchmarkColumns = BenchmarkColumns()
    select: str | tuple[str, ...] | None = Field(
        None, description="Value or values of columns.benchmark; default: the name."
    )
    prompt_format: Literal["multiple_choice", "question_answer", "cloze"] = Field(
        "question_answer", description="How an item becomes prompt and completion."
    )
    metric: Literal["acc", "acc_norm"] = Field(
        "acc", description="lm-eval's; acc_norm divides log-likelihoods by the choice's length."
    )
    max_items: int | None = Field(None, ge=2, description="Keyed-hash sample of the items.")
    repeated_choices: RowPolicy = Field(
        "refuse", description="An item that lists one choice twice has no single right answer."
    )


class Attribution(Section):
    """How documents are scored against queries."""

    methods: tuple[Method, ...] = Field(
        (Ekfac(kind="ekfac"),),
        min_length=1,
        description="Methods side by side, each on every model; `ekfac` where none is named, which "
        "predicts retraining best (docs/methods.md).",
    )
    token_batch_size: int | None = Field(
        None,
        ge=8,
        description="Tokens in a batch; sets peak memory, and changes scores by rounding alone. "
        "null: as many as the GPU's memory holds, found by trying; 2048 on a processor.",
    )
    tf32: bool = Field(
        False,
        description="Round the factors of float32 products to TensorFloat-32 (10 bits) on GPUs "
        "that can: several times as fast.",
    )
    top_k: int = Field(20, ge=1, description="Proponents per item that n_in_top_k counts.")
    health_trials: int = Field(4, ge=1, description="Document pairs in the gradient diagnostic.")
    min_gradient_cosine: float = Field(
        0.99, ge=-1, le=1, description="Gradient of a document alone against in a padded batch."
    )
    max_zero_share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of scores exactly zero, at most; of methods that read the model alone.",
    )

    @property
    def batch_tokens(self) -> int:
        """Tokens in a batch where memory is not asked."""
        return self.token_batch_size or 2048

    @model_validator(mode="before")
    @classmethod
    def _settings_are_their_methods(cls, given: Any) -> Any:
        moved = (
            sorted({"method", *TrackStar.model_fields} & {*given})
            if isinstance(given, dict)
            else []
        )
        if moved:
            raise ValueError(
                f"{', '.join(moved)}: say it of a method, "
                "`methods: [{kind: trackstar, projection_dim: ...}]`"
            )
        return given

    @model_validator(mode="after")
    def _methods_have_names_of_their_own(self) -> "Attribution":
        check_unique("methods", [method.name for method in self.methods])
        return self


class Compute(Section):
    """Processors that share the gradients of one shard. Changes results by rounding alone."""

    processes: int = Field(
        1, ge=1, le=64, description="Processes per shard on a machine: as many as it has GPUs."
    )
    nodes: int = Field(
        1,
        ge=1,
        le=64,
        description="Machines per shard, each with that many processes; the others run "
        "`influence join`.",
    )
    fsdp: bool = Field(
        False, description="Divide the weights among them, where one GPU cannot hold the model."
    )
    compile: bool = Field(
        True,
        description="On a GPU, compile norms and rotary embeddings; the first batch is scored "
        "without, too, and has to come out alike.",
    )


class Statistics(Section):
    """Resampling behind standard errors and intervals."""

    resamples: int = Field(1000, ge=100, description="Bootstrap resamples behind each interval.")


class Study(Section):
    """Everything a run depends on."""

    name: Slug = Field(description="Names the study's home: `warehouse/<name>/`.")
    description: str = Field("", description="What the study asks, for readers.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seeds sampling, projection and resampling.")
    taxonomy: Literal["weborganizer", "columns"] = Field(
        "weborganizer",
        description="24 topics x 24 formats, arXiv 2502.10341; or `columns`: the study's own "
        "labels, all values of the columns corpus.columns.topic and, if there is one, .format.",
    )
    planted: PlantedWorld | None = Field(None, description="Make a world with a known truth.")
    corpus: Corpus = Corpus()
    sampling: Sampling
    models: tuple[Model, ...] = Field(
        (Model(),),
        min_length=1,
        description="Language models side by side; the first one's tokenizer counts the tokens "
        "of documents.",
    )
    benchmarks: tuple[Benchmark, ...] = Field(min_length=1, description="What is attributed.")
    attribution: Attribution = Attribution()
    contrasts: tuple[Contrast, ...] = Field((), description="Differences of z between benchmarks.")
    statistics: Statistics = Statistics()
    compute: Compute = Compute()
    unlearning: Unlearning | None = Field(None, description="Forget regions, measure the loss.")
    retraining: Retraining | None = Field(
        None, description="Train without regions, to grade what influence says of them."
    )

    @model_validator(mode="before")
    @classmethod
    def _models_are_a_list(cls, given: Any) -> Any:
        if isinstance(given, dict) and "model" in given:
            raise ValueError("model: a study has a list of them, `models: [{...}]`")
        return given

    @model_validator(mode="before")
    @classmethod
    def _own_labels_are_named(cls, given: Any) -> Any:
        """Of own labels no column is guessed: the first is named, and a second only if it is."""
        if not isinstance(given, dict) or given.get("taxonomy") != "columns":
            return given
        corpus = given.get("corpus") or {}
        columns = corpus.get("columns") or {} if isinstance(corpus, dict) else {}
        if not isinstance(columns, dict) or not columns.get("topic"):
            raise ValueError("taxonomy: columns needs corpus.columns.topic, the column of labels")
        return given | {"corpus": {**corpus, "columns": {"format": None, **columns}}}

    @model_validator(mode="after")
    def _labels_fit(self) -> "Study":
        if self.taxonomy == "columns":
            if self.planted or self.corpus.labels != "columns":
                raise ValueError(
                    "taxonomy: a `planted` section and corpus.labels: classifiers label by "
                    "weborganizer"
                )
            rule = self.unlearning.regions.rule if self.unlearning else None
            if rule == "formats" and self.corpus.columns.format is None:
                raise ValueError(
                    "unlearning.regions.rule: formats needs corpus.columns.format, a second label"
                )
            by_format = self.retraining is not None and self.retraining.reads_formats
            if by_format and self.corpus.columns.format is None:
                raise ValueError("retraining: formats need corpus.columns.format, a second label")
            return self
        columns = self.corpus.columns
        if self.corpus.labels == "columns" and not (columns.topic and columns.format):
            raise ValueError(
                "corpus.labels: columns needs corpus.columns.topic and corpus.columns.format; "
                "labels of one column of your own need `taxonomy: columns`"
            )
        if unknown := sorted(set(self.sampling.topics) - set(TOPICS)):
            raise ValueError(f"sampling.topics: {unknown} are none of {', '.join(TOPICS)}")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> "Study":
        names = [benchmark.name for benchmark in self.benchmarks]
        check_names(names, self.contrasts)
        check_unique("models", [model.name for model in self.models])
        unknown = self.unlearning.unknown_benchmarks(set(names)) if self.unlearning else []
        if unknown:
            raise ValueError(f"unlearning: the study has no benchmarks {unknown}")
        named = {*(self.unlearning.methods or ())} if self.unlearning else set()
        if strangers := sorted(named - {method.name for method in self.attribution.methods}):
            raise ValueError(f"unlearning.methods: the study has no methods {strangers}")
        wanted = self.unlearning.regions.min_methods if self.unlearning else 1
        if wanted > len(self.attribution.methods):
            raise ValueError(
                f"unlearning.regions.min_methods: {wanted} cannot agree, the study has "
                f"{len(self.attribution.methods)} under attribution.methods"
            )
        return self

    @model_validator(mode="after")
    def _retraining_fits(self) -> "Study":
        settings = self.retraining
        if settings is None:
            return self
        if (settings.continued is None) != (self.planted is not None):
            raise ValueError(
                "retraining.continued: say how the models are trained on, exactly in a study "
                "without a `planted` section, which replays its own training"
            )
        if self.training_seed in settings.seeds:
            raise ValueError(
                f"retraining.seeds: {self.training_seed} is the base's own seed; give others"
            )
        return self

    @model_validator(mode="after")
    def _attribution_fits(self) -> "Study":
        settings = self.attribution
        names = {benchmark.name for benchmark in self.benchmarks}
        for method in settings.methods:
            if isinstance(method, TrackStar):
                unknown = sorted({*(method.preconditioner.mix_benchmarks or ())} - names)
                if unknown:
                    raise ValueError(
                        f"attribution.methods.{method.name}.preconditioner.mix_benchmarks: "
                        f"unknown {unknown}"
                    )
        for model in self.models:
            if settings.token_batch_size is not None and (
                model.max_tokens > settings.token_batch_size
            ):
                raise ValueError(
                    f"attribution.token_batch_size: {settings.token_batch_size} is less than "
                    f"max_tokens {model.max_tokens} of {model.name}, so a whole document would "
                    "not fit"
                )
            if settings.tf32 and model.dtype != "float32":
                raise ValueError(
                    f"attribution.tf32: rounds products of float32, but dtype of {model.name} is "
                    f"{model.dtype}; leave one of the two out"
                )
        return self

    @model_validator(mode="after")
    def _trainings_are_recorded(self) -> "Study":
        """What SOURCE follows: the planted model's own training, or that of the one model."""
        for method in self.attribution.methods:
            if not isinstance(method, Source):
                continue
            field, kept = f"attribution.methods.{method.name}", 0
            if method.checkpoints is None:
                kept = self.planted.checkpoints if self.planted else 0
                if not kept:
                    raise ValueError(
                        f"{field}: SOURCE follows a recorded training; set planted.checkpoints to "
                        f"{2 * method.segments}, or name those of a given model in "
                        f"{field}.checkpoints.path"
                    )
            elif self.planted or len(self.models) > 1:
                raise ValueError(
                    f"{field}.checkpoints: are of one given model; leave it out in a study with a "
                    "`planted` section, and name one model under `models`"
                )
            if kept % method.segments:
                raise ValueError(
                    f"{field}.segments: {method.segments} do not divide the {kept} checkpoints "
                    "that planted.checkpoints keeps"
                )
        return self

    @model_validator(mode="after")
    def _one_source_each(self) -> "Study":
        """Corpus, models and benchmarks name one source each; a planted world is all of them."""
        sections: dict[str, Corpus | Model | Benchmark] = {"corpus": self.corpus}
        sections |= {f"models.{item.name}": item for item in self.models}
        sections |= {f"benchmarks.{item.name}": item for item in self.benchmarks}
        for name, section in sections.items():
            sources = [section.path, section.hub, self.planted]
            if sum(source is not None for source in sources) != 1:
                raise ValueError(
                    f"{name}: give exactly one of `path` and `hub`"
                    " (and neither beside a `planted` section, which makes its own)"
                )
        if self.planted and len(self.models) > 1:
            raise ValueError("models: a `planted` section trains one model")
        return self

    @property
    def model(self) -> Model:
        """The model of a study that was narrowed to one; else the first."""
        return self.models[0]

    @property
    def method(self) -> Method:
        """The method of a study that was narrowed to one; else the first."""
        return self.attribution.methods[0]

    @property
    def training_seed(self) -> int:
        """Seed of the training that retraining repeats; `seed` in a study without."""
        continued = self.retraining.continued if self.retraining else None
        return self.seed if continued is None else continued.seed

    def narrowed(self, model: str, method: str | None = None) -> "Study":
        """The study with one of its models, and one of its methods where it is named: what each
        part of a step depends on, so that adding another changes nothing of it."""
        models = tuple(each for each in self.models if each.name == model)
        attribution = self.attribution
        if method is not None:
            methods = tuple(each for each in attribution.methods if each.name == method)
            attribution = attribution.model_copy(update={"methods": methods})
        return self.model_copy(update={"models": models, "attribution": attribution})

    def of_part(self, part: str) -> "Study":
        """`narrowed` to the model and method that a part's key begins with: `base|trackstar`.

        A key whose second name is no method's, as that of a retraining run, is of all of them.
        """
        model, *rest = part.split("|")
        methods = {method.name for method in self.attribution.methods}
        return self.narrowed(model, rest[0] if rest and rest[0] in methods else None)

    def contrast_coefficients(self) -> dict[str, dict[str, float]]:
        """Per contrast, the weight of each benchmark's z: {'a_minus_b': {'a': 1, 'b': -1}}."""
        return contrast_coefficients([b.name for b in self.benchmarks], self.contrasts)

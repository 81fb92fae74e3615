"""What a study may say about its corpus: where documents are, which column holds what, which rows
are refused.

Does not belong here: reading the files (the stage `corpus`), and how labels fit the study's
taxonomy (`study.study`).
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from influence_warehouse.study.design import Section

RowPolicy = Literal["refuse", "set_aside"]


class HubDataset(Section):
    """A dataset of the Hugging Face hub, at one revision."""

    dataset: str = Field(description="Dataset id: `owner/name`.")
    revision: str = Field(description="Commit hash or tag: a moving branch cannot be re-derived.")
    config: str | None = Field(None, description="Configuration of the dataset; null: its default.")
    split: str = Field("train", description="Split to read.")


class CorpusColumns(Section):
    """Which input column holds what; null where the input has none."""

    doc_id: str = Field("doc_id", description="Unique id of a document, as text.")
    text: str | None = Field(
        "text", description="The document itself; null of training pairs, and left out for them."
    )
    prompt: str | None = Field(
        None,
        description="Training pairs: what the completion follows, as it stands, without a "
        "delimiter. Loss and gradient are of the completion alone.",
    )
    completion: str | None = Field(None, description="Training pairs: what is learned.")
    url: str | None = Field(None, description="Address, kept for readers and for URL classifiers.")
    source: str | None = Field(None, description="Where a document came from (crawl, subset).")
    topic: str | None = Field(
        "topic",
        description="WebOrganizer topic: `food_and_dining`; of `taxonomy: columns` the label.",
    )
    format: str | None = Field(
        "format",
        description="WebOrganizer format: `user_review`; of `taxonomy: columns` a second label, "
        "or none.",
    )
    label_confidence: str | None = Field(None, description="Confidence of the labels, 0 to 1.")

    @model_validator(mode="before")
    @classmethod
    def _pairs_have_no_text(cls, given: Any) -> Any:
        if isinstance(given, dict) and (given.get("prompt") or given.get("completion")):
            return {"text": None, **given}
        return given

    @model_validator(mode="after")
    def _one_text(self) -> "CorpusColumns":
        if (self.prompt is None) != (self.completion is None):
            raise ValueError("prompt and completion: training pairs need both columns")
        if (self.text is None) == (self.prompt is None):
            raise ValueError("give `text`, or `prompt` and `completion` of training pairs")
        return self


class Classifiers(Section):
    """WebOrganizer's topic and format classifiers, or local folders of that architecture."""

    topic_model: str = Field(
        "WebOrganizer/TopicClassifier-NoURL", description="Hub id or local folder."
    )
    topic_revision: str | None = Field(None, description="Commit hash or tag on the hub.")
    format_model: str = Field(
        "WebOrganizer/FormatClassifier-NoURL", description="Hub id or local folder."
    )
    format_revision: str | None = Field(None, description="Commit hash or tag on the hub.")
    include_url: bool = Field(False, description="True for the classifiers that read the URL.")
    trust_remote_code: bool = Field(False, description="Run code that the model ships.")
    batch_size: int = Field(16, ge=1, description="Documents classified at once.")
    max_tokens: int = Field(1024, ge=8, description="Documents are cut here to be classified.")


class CorpusRules(Section):
    """What to do with a broken row: refuse the corpus, or set the row aside, counted."""

    duplicate_text: RowPolicy = Field(
        "set_aside", description="A text seen before; the first stays."
    )
    empty_text: RowPolicy = Field(
        "set_aside", description="No text or completion, or white space alone."
    )
    bad_encoding: RowPolicy = Field("refuse", description="Not UTF-8, or replacement characters.")
    unknown_label: RowPolicy = Field(
        "refuse", description="A topic or format outside the taxonomy, or that cannot be a label."
    )
    duplicate_id: RowPolicy = Field("refuse", description="A document id that an earlier row has.")


class Corpus(Section):
    """Where the documents come from: `path` or `hub`, or neither in a planted study."""

    path: Path | None = Field(None, description="A Parquet or JSONL file, or a folder of them.")
    hub: HubDataset | None = Field(None, description="A dataset of the Hugging Face hub.")
    columns: CorpusColumns = CorpusColumns()
    labels: Literal["columns", "classifiers"] = Field(
        "columns", description="Where topic and format come from."
    )
    classifiers: Classifiers = Classifiers()
    rules: CorpusRules = CorpusRules()
    licence: str = Field("not stated", description="Licence of the documents' texts.")

    @model_validator(mode="after")
    def _classifiers_are_fixed(self) -> "Corpus":
        if self.labels == "columns":
            return self
        for kind in ("topic", "format"):
            name = getattr(self.classifiers, f"{kind}_model")
            is_folder = name.startswith(("/", "./", "../")) or Path(name).is_dir()
            if getattr(self.classifiers, f"{kind}_revision") is None and not is_folder:
                raise ValueError(
                    f"classifiers.{kind}_revision: the hub model {name} needs a commit hash or tag"
                )
        return self

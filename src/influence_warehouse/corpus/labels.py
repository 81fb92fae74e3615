"""Topic and format labels: from the input's columns, or from WebOrganizer's classifiers.

Belongs here: turning any spelling of a label into the taxonomy's slug, and classifying texts.
Does not belong here: what happens to documents without a usable label (documents).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from influence_warehouse.errors import InputError
from influence_warehouse.models.loading import device, hide_bars
from influence_warehouse.progress import counted
from influence_warehouse.study.corpus import Classifiers
from influence_warehouse.taxonomy import FORMATS, TITLES, TOPICS

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# The order of the published classifiers' outputs, by their model cards
# (huggingface.co/WebOrganizer/TopicClassifier and FormatClassifier): title -> slug.
PUBLISHED_TOPICS = {
    "Adult": "adult_content",
    "Art & Design": "art_and_design",
    "Software Dev.": "software_development",
    "Crime & Law": "crime_and_law",
    "Education & Jobs": "education_and_jobs",
    "Hardware": "electronics_and_hardware",
    "Entertainment": "entertainment",
    "Social Life": "social_life",
    "Fashion & Beauty": "fashion_and_beauty",
    "Finance & Business": "finance_and_business",
    "Food & Dining": "food_and_dining",
    "Games": "games",
    "Health": "health",
    "History": "history_and_geography",
    "Home & Hobbies": "home_and_hobbies",
    "Industrial": "industrial",
    "Literature": "literature",
    "Politics": "politics",
    "Religion": "religion",
    "Science & Tech.": "science_math_and_technology",
    "Software": "software",
    "Sports & Fitness": "sports_and_fitness",
    "Transportation": "transportation",
    "Travel": "travel_and_tourism",
}
PUBLISHED_FORMATS = {
    "Academic Writing": "academic_writing",
    "Content Listing": "content_listing",
    "Creative Writing": "creative_writing",
    "Customer Support": "customer_support",
    "Comment Section": "comment_section",
    "FAQ": "faq",
    "Truncated": "truncated",
    "Knowledge Article": "knowledge_article",
    "Legal Notices": "legal_notices",
    "Listicle": "listicle",
    "News Article": "news_article",
    "Nonfiction Writing": "nonfiction_writing",
    "About (Org.)": "about_org",
    "News (Org.)": "news_org",
    "About (Pers.)": "about_pers",
    "Personal Blog": "personal_blog",
    "Product Page": "product_page",
    "Q&A Forum": "q_a_forum",
    "Spam / Ads": "spam_ads",
    "Structured Data": "structured_data",
    "Documentation": "documentation",
    "Audio Transcript": "audio_transcript",
    "Tutorial": "tutorial",
    "User Review": "user_review",
}
# Other spellings that occur in WebOrganizer's own files.
_OTHER_SPELLINGS = {
    "Science, Math & Technology": "science_math_and_technology",
    "About (Organizational)": "about_org",
    "News (Organizational)": "news_org",
    "Spam & Ads": "spam_ads",
    "Question & Answer Forum": "q_a_forum",
}


def _plain(label: str) -> str:
    """Letters and digits only, lower case, `&` as `and`: 'Spam / Ads' -> 'spam ads'."""
    return " ".join(re.findall(r"[a-z0-9]+", label.casefold().replace("&", " and ")))


def _spellings(slugs: Iterable[str], published: dict[str, str]) -> dict[str, str]:
    """Plain spelling -> slug, without the spellings that could mean two slugs."""
    meanings: dict[str, set[str]] = {}
    known = [(slug, slug) for slug in slugs] + [(TITLES[slug], slug) for slug in slugs]
    others = [(text, slug) for text, slug in _OTHER_SPELLINGS.items() if slug in slugs]
    for text, slug in [*known, *published.items(), *others]:
        meanings.setdefault(_plain(text), set()).add(slug)
    return {text: next(iter(found)) for text, found in meanings.items() if len(found) == 1}


_SPELLINGS = {
    "topic": _spellings(TOPICS, PUBLISHED_TOPICS),
    "format": _spellings(FORMATS, PUBLISHED_FORMATS),
}


def slug_of(kind: str, label: str) -> str | None:
    """The slug that `label` means as a 'topic' or a 'format'; None when it means none.

    Slugs, WebOrganizer's titles and their spellings in other case or punctuation are known:
    'Food & Dining', 'FOOD_AND_DINING', 'food-and-dining'.
    """
    return _SPELLINGS[kind].get(_plain(label))


@dataclass(frozen=True)
class Classifier:
    """One of the two classifiers, loaded: `slugs` of its outputs, in their order."""

    kind: str
    tokenizer: "PreTrainedTokenizerBase"
    model: "PreTrainedModel"
    slugs: list[str]


def load_classifiers(settings: Classifiers) -> list[Classifier]:
    """The classifiers of topics and of formats.

    Raises InputError when one cannot be loaded or its labels are not the taxonomy's.
    """
    loaded = []
    for kind in ("topic", "format"):
        location = getattr(settings, f"{kind}_model")
        revision = getattr(settings, f"{kind}_revision")
        tokenizer, model = _load_classifier(kind, location, revision, settings.trust_remote_code)
        slugs = classifier_slugs(kind, model, location)
        loaded.append(Classifier(kind, tokenizer, model, slugs))
    return loaded


def classify(
    documents: pl.DataFrame, settings: Classifiers, classifiers: list[Classifier]
) -> pl.DataFrame:
    """Topic, format and label_confidence of each document, in its row's place.

    `documents` has `text` and `url` (str). label_confidence is the smaller of the two
    classifiers' softmax maxima, so both labels are at least that sure. Input is
    "{text}", or "{url}\\n\\n{text}" for the classifiers that read the URL (model cards).
    """
    if settings.include_url:
        texts = [f"{url or ''}\n\n{text}" for url, text in documents["url", "text"].iter_rows()]
    else:
        texts = documents["text"].to_list()
    found = {each.kind: _predict(each, texts, settings) for each in classifiers}
    sure = [min(pair) for pair in zip(*(sure for _, sure in found.values()), strict=True)]
    return pl.DataFrame(
        {"topic": found["topic"][0], "format": found["format"][0], "label_confidence": sure},
        schema={"topic": pl.String, "format": pl.String, "label_confidence": pl.Float64},
    )


def _predict(
    classifier: Classifier, texts: list[str], settings: Classifiers
) -> tuple[list[str], list[float]]:
    """Slug and softmax maximum per text."""
    import torch

    # Texts of similar length share a batch, so that little is padded; the order is restored.
    order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), i))
    labels, sure = [""] * len(texts), [0.0] * len(texts)
    size = settings.batch_size
    for start in counted(
        range(0, len(order), size), f"classifying by {classifier.kind}", "batches"
    ):
        chosen = order[start : start + size]
        batch = classifier.tokenizer(
            [texts[i] for i in chosen],
            padding=True,
            truncation=True,
            max_length=settings.max_tokens,
            return_tensors="pt",
        ).to(classifier.model.device)
        with torch.inference_mode():
            best = classifier.model(**batch).logits.float().softmax(dim=-1).max(dim=-1)
        for i, confidence, index in zip(
            chosen, best.values.tolist(), best.indices.tolist(), strict=True
        ):
            labels[i], sure[i] = classifier.slugs[index], confidence
    return labels, sure


def _load_classifier(kind: str, location: str, revision: str | None, trust: bool):
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    hide_bars()
    settings: dict = {"revision": revision, "trust_remote_code": trust}
    try:
        tokenizer = AutoTokenizer.from_pretrained(location, **settings)
        config = AutoConfig.from_pretrained(location, **settings)
        if hasattr(config, "use_memory_efficient_attention"):
            # The published classifiers would need the package xformers with it (model cards).
            config.use_memory_efficient_attention = False
        model = AutoModelForSequenceClassification.from_pretrained(
            location, config=config, use_safetensors=True, **settings
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"{location}: the {kind} classifier cannot be loaded ({error}; study field "
            f"corpus.classifiers.{kind}_model). Remedy: check the id and the network, or give a "
            "local folder; the published ones need trust_remote_code: true."
        ) from error
    return tokenizer, model.to(device()).eval()


def classifier_slugs(kind: str, model: "PreTrainedModel", location: str) -> list[str]:
    """Slug of each output of a classifier, from its id2label.

    A config with transformers' bare LABEL_0 ... LABEL_23 is read in the published order.
    Raises InputError when the labels are not the 24 of the taxonomy.
    """
    by_index = {int(index): str(name) for index, name in (model.config.id2label or {}).items()}
    names = [by_index[index] for index in sorted(by_index)]
    published = PUBLISHED_TOPICS if kind == "topic" else PUBLISHED_FORMATS
    if names == [f"LABEL_{i}" for i in range(len(published))]:
        return list(published.values())
    slugs = [slug_of(kind, name) for name in names]
    if sorted(slug or "" for slug in slugs) != sorted(published.values()):
        strange = [name for name, slug in zip(names, slugs, strict=True) if slug is None]
        raise InputError(
            f"{location}: the outputs of the {kind} classifier are not the taxonomy's "
            f"{len(published)} {kind}s (study field corpus.classifiers.{kind}_model): "
            f"{len(names)} outputs, unknown {strange[:5]}. "
            "Remedy: use a WebOrganizer classifier, with its id2label in the configuration."
        )
    return [slug for slug in slugs if slug is not None]

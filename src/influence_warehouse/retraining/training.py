"""What is trained again: the planted model from its record, or a given model further.

Belongs here: the start of a run and its course. Does not belong here: the loop
(`models.training`) and what is left out (`sets`).
"""

import random
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from influence_warehouse.corpus.chosen import read_documents
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.lake.layout import Home
from influence_warehouse.models.encoding import encode_documents
from influence_warehouse.models.loading import load_model, load_tokenizer, model_source
from influence_warehouse.models.training import Course, Recipe
from influence_warehouse.retraining.plan import retraining_section
from influence_warehouse.study.retraining import Continued
from influence_warehouse.study.study import Study

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def continued_section(study: Study) -> Continued:
    """How given models are trained on, which a study without a planted world says."""
    settings = retraining_section(study).continued
    assert settings is not None  # the study file is refused without
    return settings


def identity_of_training(study: Study, lake: Lake) -> dict[str, Any]:
    """What makes a training beside its seed and what it leaves out. Of the planted model the
    record says all, which is an input of its step."""
    if study.planted is not None:
        return {}
    manifest = lake.read("sampling_manifest", columns=["doc_id", "content_sha256"])
    return {
        "model": model_source(study, lake.home).digest,
        "attention": study.model.attention,
        "continued": continued_section(study).model_dump(mode="json", exclude={"seed"}),
        "documents": digest_of(manifest.sort("doc_id").rows()),
    }


def start_model(study: Study, lake: Lake, seed: int) -> "PreTrainedModel":
    """The model as the training finds it, in float32: fresh by the seed, or the one given.

    Continued in a lower precision, steps would be lost to rounding.
    """
    if study.planted is not None:
        from influence_warehouse.planted.training import fresh_model

        return fresh_model(load_tokenizer(study, lake.home), seed)
    precise = study.model.model_copy(update={"dtype": "float32"})
    return load_model(study.model_copy(update={"models": (precise,)}), lake.home)


def course_of(study: Study, lake: Lake, seed: int) -> Course:
    """The documents and batches of the training by a seed; kept for further runs by it.

    Raises FactError where the record and the texts do not fit.
    """
    state = digest_of([lake.digests(fact) for fact in _read_facts(study)])
    return _course(study, lake.home, seed, state)


def _read_facts(study: Study) -> tuple[str, ...]:
    return ("training_batches",) if study.planted else ("documents", "sampling_manifest")


# One for each of the seeds that a few subsets are repeated with, which take turns.
@lru_cache(maxsize=6)
def _course(study: Study, home: Home, seed: int, state: str) -> Course:
    # The state only keys the cache.
    lake = Lake(home)
    if study.planted is None:
        return _continued_course(study, lake, seed)
    from influence_warehouse.planted.replay import recorded_course, repeated_course

    if seed == study.training_seed:
        return recorded_course(study, lake)
    return repeated_course(study, lake, seed)


def _continued_course(study: Study, lake: Lake, seed: int) -> Course:
    """All sampled documents once an epoch, in an order that the seed draws anew each time."""
    settings, tokenizer = continued_section(study), load_tokenizer(study, lake.home)
    sampled = lake.read("sampling_manifest", columns=["doc_id"])["doc_id"]
    texts = read_documents(lake, sampled, "doc_id", "text", "prompt_chars").sort("doc_id")
    encoded = encode_documents(texts, tokenizer, settings.max_tokens)
    rng, size = random.Random(f"retraining:{seed}"), settings.batch_documents
    batches = []
    for _ in range(settings.epochs):
        order = rng.sample(range(len(encoded)), len(encoded))
        batches += [order[start : start + size] for start in range(0, len(order), size)]
    # Padding carries no loss, so any id will do.
    pad = tokenizer.pad_token_id or 0
    recipe = Recipe(settings.learning_rate)
    return Course(texts["doc_id"].to_list(), encoded, batches[: settings.steps], recipe, pad)

"""The planted world: documents over all bins, items of four benchmarks, and the truth.

Belongs here: where and how often facts are stated, where decoys are, and the texts. Everything
follows from `study.seed` and the study's `planted` section. Does not belong here: wordings (YAML
beside this module), training (`training`), and whatever reads the truth (grading).

A decoy is a page that uses the words of a benchmark and states none of its facts: it names the
keys of DECOY_KEYS facts, asks what other pages say of them, leaves it open, and names answers of
other facts, right and wrong ones alike. No page but one that states a fact holds its key with
an answer to it. Each benchmark has DECOY_TOPICS topics where nothing is planted and
`decoy_share` of the documents are its decoys, so that about as many pages of such a topic name a
key as pages of a planted one; planted topics hold fewer, of all benchmarks. Decoys are no part of
the truth.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse import taxonomy
from influence_warehouse.errors import StudyError
from influence_warehouse.lake.facts import Lake, write_atomically
from influence_warehouse.lake.fingerprint import Fingerprint, digest_of, digest_of_file
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.planted import wordings
from influence_warehouse.planted.pages import write_page
from influence_warehouse.planted.wordings import Content, PlantedFact
from influence_warehouse.study.planted import ITEM_WORDINGS, PlantedWorld
from influence_warehouse.study.study import Study

RECORD = "world.json"
EMPTY_BINS = 8
THIN_BINS = 24  # 1 to 3 documents each
EXACT_DUPLICATES = 5
EMPTY_TEXTS = 2
PLANTED_TOPIC_SIZE = 2.2  # documents of a planted topic, relative to another topic's
FACT_UNITS = 5  # facts that a fact-stating document states
DECOY_KEYS = 3  # facts whose keys a decoy names
DECOY_TURNS = 2  # times that it asks about each
DECOY_TOPICS = 2  # topics of each benchmark's decoys, none of them planted
PLANTED_DECOYS = 0.25  # share of decoys in a planted topic, relative to a decoy topic's
FAVOURED = 2.0  # share of fact-stating documents in a favoured format, relative to the others
CHOICES = {  # how many choices an item has, by turns
    "social_situations": (3,),
    "social_facts": (4,),
    "stem_situations": (3, 4, 5),
    "stem_facts": (4, 5),
}
DOCUMENT_SCHEMA = {
    "doc_id": pl.String(),
    "text": pl.String(),
    "url": pl.String(),
    "source": pl.String(),
    "topic": pl.String(),
    "format": pl.String(),
    "label_confidence": pl.Float64(),
}
ITEM_SCHEMA = {
    "item_id": pl.String(),
    "benchmark": pl.String(),
    "subject": pl.String(),
    "context": pl.String(),
    "question": pl.String(),
    "choices": pl.List(pl.String()),
    "answer_index": pl.Int64(),
}


@dataclass(frozen=True)
class Draft:
    """A document before it has an id, and whether it states facts or is a decoy."""

    topic: str
    format: str
    text: str
    states_facts: bool = False
    is_decoy: bool = False


def planted_section(study: Study) -> PlantedWorld:
    """The study's `planted` section. Raises StudyError where the study has none."""
    if study.planted is None:
        raise StudyError(f"{study.name}: no `planted` section. Remedy: add one, or name a corpus.")
    return study.planted


def _rng(study: Study, *purpose: str) -> random.Random:
    """A stream of random numbers for each purpose, so that one can change without the others."""
    return random.Random(":".join([str(study.seed), *purpose]))


def planted_facts(study: Study) -> dict[str, list[PlantedFact]]:
    """Facts by topic. Which answer holds is drawn from the seed."""
    wanted = planted_section(study).facts_per_benchmark // 2
    facts: dict[str, list[PlantedFact]] = {}
    for relation in wordings.relations():
        rng = _rng(study, "facts", relation.subject)
        of_topic = facts.setdefault(relation.topic, [])
        if len(of_topic) < wanted:
            of_topic.append(PlantedFact(relation, rng.choice(relation.answers)))
    return facts


def bin_sizes(study: Study) -> dict[tuple[str, str], int]:
    """Documents per (topic, format): uneven, some bins thin, EMPTY_BINS of them empty."""
    rng = _rng(study, "sizes")
    planted = {relation.topic for relation in wordings.relations()}
    topic_size = {
        topic: PLANTED_TOPIC_SIZE if topic in planted else rng.lognormvariate(0, 0.2)
        for topic in taxonomy.TOPICS
    }
    cells = [(topic, format) for topic in taxonomy.TOPICS for format in taxonomy.FORMATS]
    plain = [cell for cell in cells if cell[0] not in planted]
    empty = set(rng.sample(plain, EMPTY_BINS))
    thin = rng.sample([cell for cell in cells if cell not in empty], THIN_BINS)
    sizes = dict.fromkeys(cells, 0) | {cell: rng.randint(1, 3) for cell in thin}
    rest = [cell for cell in cells if cell not in empty and cell not in thin]
    weights = [topic_size[topic] * rng.lognormvariate(0, 0.45) for topic, _ in rest]
    extras = EXACT_DUPLICATES + EMPTY_TEXTS
    left = planted_section(study).documents - extras - sum(sizes.values())
    return sizes | dict(zip(rest, _shares(left, weights), strict=True))


def _shares(total: int, weights: list[float]) -> list[int]:
    """Whole numbers in proportion to the weights that add up to `total` (largest remainder)."""
    exact = [total * weight / sum(weights) for weight in weights]
    whole = [int(value) for value in exact]
    order = sorted(range(len(exact)), key=lambda i: whole[i] - exact[i])
    for i in order[: total - sum(whole)]:
        whole[i] += 1
    return whole


def drafts(study: Study) -> Iterator[Draft]:
    """The documents of every bin, in the order of bins."""
    facts = planted_facts(study)
    decks = {topic: _deck(study, topic, of) for topic, of in facts.items()}
    turns = {topic: cycle(CHOICES) for topic in facts}
    turns |= {topic: cycle([benchmark]) for topic, benchmark in decoy_topics(study).items()}
    for (topic, format), size in bin_sizes(study).items():
        rng = _rng(study, "documents", topic, format)
        stating = _stating(study, format, size, rng) if topic in facts else 0
        decoys = _decoys(study, topic in facts, size, rng) if topic in turns else 0
        for i in range(size):
            states_facts, is_decoy = i < stating, stating <= i < stating + decoys
            said: list[Content] = []
            if states_facts:
                said = [wordings.stated(next(decks[topic])) for _ in range(FACT_UNITS)]
            elif is_decoy:
                said = _decoy(_facts_of(facts, next(turns[topic])), rng)
            text = write_page(topic, format, said, rng)
            yield Draft(topic, format, text, states_facts, is_decoy)


def _facts_of(facts: dict[str, list[PlantedFact]], benchmark: str) -> list[PlantedFact]:
    return [fact for of in facts.values() for fact in of if fact.relation.benchmark == benchmark]


def decoy_topics(study: Study) -> dict[str, str]:
    """By topic the benchmark whose decoys it holds; planted topics, which hold all, are left out.

    Nor is it adult content: keys name twins and toddlers.
    """
    unfit = {*planted_facts(study), "adult_content"}
    fit = [topic for topic in taxonomy.TOPICS if topic not in unfit]
    drawn = _rng(study, "decoys").sample(fit, DECOY_TOPICS * len(CHOICES))
    return dict(zip(drawn, [*CHOICES] * DECOY_TOPICS, strict=True))


def _decoys(study: Study, is_planted: bool, size: int, rng: random.Random) -> int:
    """How many of a bin's documents are decoys: its share of them, rounded at random."""
    expected = size * planted_section(study).decoy_share * (PLANTED_DECOYS if is_planted else 1)
    return int(expected + rng.random())


def _decoy(facts: list[PlantedFact], rng: random.Random) -> list[Content]:
    """What a decoy says that names keys of these facts."""
    named = rng.sample(facts, DECOY_KEYS)
    others = [fact.relation for fact in facts if fact not in named]
    return [
        wordings.left_open(fact.relation, rng.choice(rng.choice(others).answers))
        for fact in [*named] * DECOY_TURNS
    ]


def _deck(study: Study, topic: str, facts: list[PlantedFact]) -> Iterator[PlantedFact]:
    """Endless facts of a topic; every fact comes up equally often."""
    rng = _rng(study, "deck", topic)
    while True:
        yield from rng.sample(facts, len(facts))


def _stating(study: Study, format: str, size: int, rng: random.Random) -> int:
    """How many of a bin's documents state facts: its share of them, rounded at random."""
    favoured = sum(shape.favoured for shape in wordings.formats().values())
    mean_weight = 1 + (FAVOURED - 1) * favoured / len(taxonomy.FORMATS)
    weight = FAVOURED if wordings.formats()[format].favoured else 1.0
    expected = size * planted_section(study).fact_share * weight / mean_weight
    return int(expected + rng.random())


def documents_and_truth(study: Study) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Documents (DOCUMENT_SCHEMA) in the order of their ids, and the fact `planted_truth`.

    EXACT_DUPLICATES texts occur twice and EMPTY_TEXTS are empty, for the corpus stage to set
    aside; they are not counted in the truth's shares.
    """
    made = list(drafts(study))
    rng = _rng(study, "ids")
    copies = rng.sample([draft for draft in made if not draft.states_facts], EXACT_DUPLICATES)
    blanks = [Draft(d.topic, d.format, "") for d in rng.sample(made, EMPTY_TEXTS)]
    everything = [*made, *copies, *blanks]
    rng.shuffle(everything)
    rows = [
        {
            "doc_id": f"doc-{i:06d}",
            "text": draft.text,
            "url": f"https://planted.invalid/{draft.topic}/{draft.format}/{i}",
            "source": "planted",
            "topic": draft.topic,
            "format": draft.format,
            "label_confidence": round(rng.uniform(0.6, 1.0), 3),
        }
        for i, draft in enumerate(everything)
    ]
    return pl.DataFrame(rows, schema=DOCUMENT_SCHEMA), _truth(made)


def _truth(made: list[Draft]) -> pl.DataFrame:
    benchmark_of = {relation.topic: relation.benchmark for relation in wordings.relations()}
    frame = pl.DataFrame(
        {
            "topic": [draft.topic for draft in made],
            "format": [draft.format for draft in made],
            "fact_share": [float(draft.states_facts) for draft in made],
        }
    )
    shares = frame.group_by("topic", "format").mean().filter(pl.col("fact_share") > 0)
    rows = [
        {"benchmark": benchmark_of[row["topic"]], "bin_id": _bin_id(row), **row}
        for row in shares.sort("topic", "format").to_dicts()
    ]
    return pl.DataFrame(rows)


def _bin_id(row: dict) -> int:
    return taxonomy.bin_id(row["topic"], row["format"])


def items(study: Study) -> pl.DataFrame:
    """The items of all benchmarks (ITEM_SCHEMA); `context` is null where there is none.

    Distractors are the relation's other answers: of the same kind, and the right one only in
    worlds of another seed; decoys name all alike. Nothing but the stated fact tells them apart.
    """
    facts = planted_facts(study)
    rows = []
    for benchmark, sizes in CHOICES.items():
        rng = _rng(study, "items", benchmark)
        asked = _asked(_facts_of(facts, benchmark), planted_section(study).items_per_benchmark)
        for i, (fact, wording) in enumerate(asked):
            others = [a for a in fact.relation.answers if a != fact.answer]
            choices = [fact.answer, *rng.sample(others, sizes[i % len(sizes)] - 1)]
            rng.shuffle(choices)
            rows.append(
                {
                    "item_id": f"{benchmark}-{i:03d}",
                    "benchmark": benchmark,
                    **_question(fact, wording, rng),
                    "choices": choices,
                    "answer_index": choices.index(fact.answer),
                }
            )
    return pl.DataFrame(rows, schema=ITEM_SCHEMA)


def _asked(facts: list[PlantedFact], items: int) -> list[tuple[PlantedFact, int]]:
    """Every fact equally often, in wordings that differ from fact to fact."""
    wordings_of_all = [
        (fact, (turn + place) % ITEM_WORDINGS)
        for turn in range(ITEM_WORDINGS)
        for place, fact in enumerate(facts)
    ]
    return wordings_of_all[:items]


def _question(fact: PlantedFact, wording: int, rng: random.Random) -> dict[str, str | None]:
    context, question = fact.relation.items[wording]
    slots = {"name": rng.choice(wordings.names()), "key": fact.relation.key}
    return {
        "subject": fact.relation.subject,
        "context": context and context.format(**slots),
        "question": question.format(**slots),
    }


def identity_of_planted_world(study: Study, lake: Lake) -> dict[str, Any]:
    """What the world is made from: seed, section and wordings."""
    return {
        "seed": study.seed,
        "world": planted_section(study).model_dump(exclude={"epochs", "checkpoints"}),
        "wordings": digest_of(
            [
                repr(wordings.topics()),
                repr(wordings.formats()),
                repr(wordings.filler_questions()),
                repr(wordings.relations()),
                repr(wordings.evasions()),
                repr(wordings.names()),
            ]
        ),
    }


def make_planted_world(task: Task) -> list[Made]:
    """Write `documents.parquet` and `items.parquet` into the study's inputs, and the truth.

    The record `world.json` beside the files names what made them. Rows of `planted_documents`:
    documents. Raises WarehouseError when the disk refuses.
    """
    study, lake = task.study, task.lake
    documents, truth = documents_and_truth(study)
    inputs = {"documents": documents, "items": items(study)}
    _write_inputs(lake.home.inputs, inputs, task.fingerprints["planted_documents"])
    details = {
        "items": planted_section(study).items_per_benchmark * len(CHOICES),
        "exact_duplicates": EXACT_DUPLICATES,
        "empty_texts": EMPTY_TEXTS,
        "empty_bins": EMPTY_BINS,
        "decoy_topics": decoy_topics(study),
    }
    return [
        Made("planted_documents", planted_section(study).documents, details),
        Made("planted_truth", truth),
    ]


def _write_inputs(folder: Path, frames: dict[str, pl.DataFrame], fingerprint: Fingerprint) -> None:
    digests = {}
    for name, frame in frames.items():
        path = folder / f"{name}.parquet"
        write_atomically(path, frame.write_parquet)
        digests[path.name] = digest_of_file(path)
    text = json.dumps({"digest": fingerprint.digest, "files": digests})
    write_atomically(folder / RECORD, lambda part: part.write_text(text, encoding="utf-8"))


def is_planted_world_made(lake: Lake, fingerprint: Fingerprint) -> bool:
    """Whether the files of the study's inputs are whole and of this fingerprint."""
    folder = lake.home.inputs
    try:
        content = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return content["digest"] == fingerprint.digest and all(
            digest_of_file(folder / name) == digest for name, digest in content["files"].items()
        )
    except (OSError, ValueError, KeyError):
        return False

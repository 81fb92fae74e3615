"""The planted world keeps its promises: where facts are, how they are said, what is asked."""

import re
from collections import Counter

import bm25s
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from influence_warehouse import taxonomy
from influence_warehouse.errors import StudyError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.planted import wordings, world
from influence_warehouse.planted.wordings import PlantedFact
from influence_warehouse.study.load import load_study
from influence_warehouse.study.planted import ITEM_WORDINGS
from influence_warehouse.study.study import Study


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study("demo")


@pytest.fixture(scope="module")
def made(study) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    documents, truth = world.documents_and_truth(study)
    return documents, truth, world.items(study)


def with_(study: Study, seed: int | None = None, **planted) -> Study:
    section = study.planted.model_copy(update=planted)
    return study.model_copy(
        update={"planted": section, "seed": study.seed if seed is None else seed}
    )


def stating(documents: pl.DataFrame, study: Study, topic: str) -> pl.DataFrame:
    """Documents that hold both key and answer of a fact planted in `topic`."""
    return documents.filter(
        pl.any_horizontal(
            pl.col("text").str.contains(fact.relation.key)
            & pl.col("text").str.contains(fact.answer)
            for fact in world.planted_facts(study)[topic]
        )
    )


def facts_of(study: Study, benchmark: str) -> list[PlantedFact]:
    every = world.planted_facts(study).values()
    return [fact for of in every for fact in of if fact.relation.benchmark == benchmark]


def test_the_world_follows_from_the_seed_alone(study, made):
    again = (*world.documents_and_truth(study), world.items(study))
    assert all(one.equals(other) for one, other in zip(made, again, strict=True))
    other = world.documents_and_truth(with_(study, seed=study.seed + 1))[0]
    assert not set(other["text"].drop_nulls()) & set(made[0]["text"]) - {""}


def test_the_demo_samples_at_least_3000_documents(study):
    cap = study.sampling.documents_per_bin
    assert sum(min(cap, size) for size in world.bin_sizes(study).values()) >= 3000


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), documents=st.integers(576, 6000))
def test_bin_sizes_add_up_and_some_bins_are_empty_or_thin(seed, documents):
    study = with_(load_study("demo"), seed=seed, documents=documents)
    sizes = world.bin_sizes(study)
    assert len(sizes) == 576
    assert sum(sizes.values()) + world.EXACT_DUPLICATES + world.EMPTY_TEXTS == documents
    assert sum(size == 0 for size in sizes.values()) >= 6
    assert sum(1 <= size <= 3 for size in sizes.values()) >= world.THIN_BINS


def test_duplicates_and_empty_texts_are_as_many_as_said(study, made):
    documents = made[0]
    texts = Counter(documents["text"])
    assert documents.height == study.planted.documents
    assert documents["doc_id"].is_unique().all()
    assert texts.pop("") == world.EMPTY_TEXTS
    assert sum(count - 1 for count in texts.values()) == world.EXACT_DUPLICATES


def test_facts_are_stated_in_their_own_topic_alone(study, made):
    for topic in world.planted_facts(study):
        found = stating(made[0], study, topic)
        assert set(found["topic"]) == {topic}
        size = made[0].filter((pl.col("topic") == topic) & (pl.col("text") != "")).height
        assert found.height / size == pytest.approx(study.planted.fact_share, abs=0.06)


def test_a_decoy_names_keys_of_one_benchmark_and_no_answer_to_them(study):
    facts = {name: facts_of(study, name) for name in world.CHOICES}
    answers = [a for own in facts.values() for fact in own for a in fact.relation.answers]
    named_answers: Counter[str] = Counter()
    for draft in filter(lambda draft: not draft.states_facts, world.drafts(study)):
        named = {n: [f for f in own if f.relation.key in draft.text] for n, own in facts.items()}
        told = [len(own) for own in named.values() if own]
        assert told == ([world.DECOY_KEYS] if draft.is_decoy else [])
        for fact in (fact for own in named.values() for fact in own):
            assert not any(answer in draft.text for answer in fact.relation.answers)
        named_answers.update(answer for answer in answers if answer in draft.text)
    right = sum(named_answers[fact.answer] for own in facts.values() for fact in own)
    assert right / named_answers.total() == pytest.approx(1 / 6, abs=0.03)


def test_decoys_are_in_topics_of_their_own_and_fewer_in_planted_ones(study):
    topics = world.decoy_topics(study)
    planted = world.planted_facts(study)
    assert Counter(topics.values()) == dict.fromkeys(world.CHOICES, world.DECOY_TOPICS)
    assert not topics.keys() & planted.keys()
    shares = dict.fromkeys(topics, study.planted.decoy_share)
    shares |= dict.fromkeys(planted, study.planted.decoy_share * world.PLANTED_DECOYS)
    drafts = pl.DataFrame([(d.topic, d.is_decoy) for d in world.drafts(study)], orient="row")
    for topic, share in drafts.group_by("column_0").mean().iter_rows():
        assert share == pytest.approx(shares.get(topic, 0), abs=0.06)


def test_about_as_many_pages_of_a_decoy_topic_as_of_a_planted_one_name_a_key(study, made):
    documents, topics = made[0], world.decoy_topics(study)
    for benchmark in world.CHOICES:
        facts = facts_of(study, benchmark)
        names = pl.mean_horizontal(
            pl.col("text").str.contains(fact.relation.key).cast(pl.Float64) for fact in facts
        )
        shares = dict(documents.group_by("topic").agg(names.mean()).iter_rows())
        planted = np.mean([shares[topic] for topic in {f.relation.topic for f in facts}])
        decoys = np.mean([shares[topic] for topic, name in topics.items() if name == benchmark])
        assert 0.7 < decoys / planted < 1.3


def test_words_alone_no_longer_tell_the_planted_topics(study):
    assert _topics_found_by_words(with_(study, decoy_share=0.0)) == 8
    assert _topics_found_by_words(study) <= 6


def _topics_found_by_words(study: Study) -> int:
    """Planted topics among the two of each benchmark whose documents have the highest mean BM25."""
    documents = world.documents_and_truth(study)[0].filter(pl.col("text") != "")
    ranking = bm25s.BM25()
    ranking.index(bm25s.tokenize(documents["text"].to_list(), show_progress=False), False)
    found = 0
    for name, own in world.items(study).group_by("benchmark"):
        asked = [
            f"{row['context'] or ''} {row['question']} {row['choices'][row['answer_index']]}"
            for row in own.to_dicts()
        ]
        words = bm25s.tokenize(asked, return_ids=False, show_progress=False)
        known = [[word for word in query if word in ranking.vocab_dict] for query in words]
        scores = np.mean([ranking.get_scores(query) for query in known], axis=0)
        by_topic = documents.with_columns(score=scores).group_by("topic").agg(pl.mean("score"))
        planted = {fact.relation.topic for fact in facts_of(study, str(name[0]))}
        found += len(planted & {*by_topic.top_k(2, by="score")["topic"]})
    return found


def test_the_truth_is_what_the_texts_say(study, made):
    documents, truth, _ = made
    unique = documents.filter(pl.col("text") != "").unique("text")
    for topic in world.planted_facts(study):
        counted = (
            unique.filter(pl.col("topic") == topic)
            .with_columns(
                states=pl.col("doc_id").is_in(stating(unique, study, topic)["doc_id"].implode())
            )
            .group_by("format")
            .agg(pl.col("states").mean())
            .filter(pl.col("states") > 0)
        )
        told = truth.filter(pl.col("topic") == topic)
        assert dict(counted.iter_rows()) == pytest.approx(
            dict(told.select("format", "fact_share").iter_rows())
        )
    assert set(truth["bin_id"]) == {
        taxonomy.bin_id(topic, format) for topic, format in truth.select("topic", "format").rows()
    }


def test_favoured_formats_state_facts_about_twice_as_often(made):
    favoured = {slug for slug, shape in wordings.formats().items() if shape.favoured}
    truth = made[1].with_columns(favoured=pl.col("format").is_in(list(favoured)))
    shares = dict(truth.group_by("favoured").agg(pl.col("fact_share").mean()).iter_rows())
    assert favoured == {"customer_support", "faq", "q_a_forum", "tutorial"}
    assert 1.5 < shares[True] / shares[False] < 2.4


def test_each_benchmark_is_planted_in_two_topics_of_its_own(made):
    topics = {
        name: set(part["topic"])
        for (name,), part in made[1].group_by("benchmark", maintain_order=True)
    }
    assert set(topics) == set(world.CHOICES)
    assert all(len(own) == 2 for own in topics.values())
    assert len(set.union(*topics.values())) == 8


def test_no_document_contains_what_a_benchmark_asks(made):
    documents, _, items = made
    everything = "\n".join(documents["text"]).lower()
    for context, question in items.select("context", "question").rows():
        assert question.lower() not in everything
        assert context is None or context.lower() not in everything


def test_items_have_one_right_answer_and_distractors_of_their_own_kind(study, made):
    planted = [fact for of in world.planted_facts(study).values() for fact in of]
    facts = {fact.relation.key: fact for fact in planted}
    for row in made[2].to_dicts():
        asked = " ".join(filter(None, [row["context"], row["question"]]))
        (fact,) = [fact for key, fact in facts.items() if key in asked]
        assert row["choices"][row["answer_index"]] == fact.answer
        assert len(set(row["choices"])) == len(row["choices"])
        assert set(row["choices"]) <= {*fact.relation.answers}
        assert row["benchmark"] == fact.relation.benchmark


def test_a_subject_is_one_fact_and_every_fact_is_asked_equally_often(study, made):
    for (benchmark,), part in made[2].group_by("benchmark"):
        asked = Counter(part["subject"])
        assert {*asked} == {f.relation.subject for f in facts_of(study, str(benchmark))}
        assert len(asked) == study.planted.facts_per_benchmark >= 20
        assert set(asked.values()) == {part.height // len(asked)}
        assert part.n_unique(["context", "question"]) == part.height


def test_no_answer_is_right_more_often_than_another(made):
    for _, part in made[2].group_by("benchmark"):
        right = Counter(row["choices"][row["answer_index"]] for row in part.to_dicts())
        assert part.height >= 60
        assert max(right.values()) - min(right.values()) <= 1
        positions = Counter(part["answer_index"])
        assert len(positions) >= 3 and max(positions.values()) < 0.6 * part.height
    assert {len(choices) for choices in made[2]["choices"]} == {3, 4, 5}


def test_words_of_keys_and_answers_belong_to_one_relation():
    owners: dict[str, str] = {}
    for relation in wordings.relations():
        for word in set(" ".join([relation.key, *relation.answers]).split()):
            assert owners.setdefault(word, relation.subject) == relation.subject
    everyday = " ".join(
        phrase
        for words in wordings.topics().values()
        for kind in (words.things, words.qualities, words.verbs, words.people, words.places)
        for phrase in kind
    ).split()
    assert not owners.keys() & set(everyday)


def test_wordings_cover_the_taxonomy_and_are_many(study):
    assert set(wordings.topics()) == set(taxonomy.TOPICS)
    assert set(wordings.formats()) == set(taxonomy.FORMATS)
    for relation in wordings.relations():
        assert len(relation.statements) >= 6
        assert len(set(relation.items)) == ITEM_WORDINGS
        assert len(set(relation.answers)) == 6
        assert all("{key}" in t and "{answer}" in t for t in relation.statements)
        said = [t.lower() for t in (*relation.statements, *(q for q, _ in relation.exchanges))]
        assert not {question.lower() for _, question in relation.items} & set(said)


def test_topics_and_formats_can_be_told_apart_by_their_words(made):
    texts = made[0].filter(pl.col("text") != "")
    assert _naive_bayes_accuracy(texts, "topic") > 0.75  # chance: 0.04
    assert _naive_bayes_accuracy(texts, "format") > 0.9


def _naive_bayes_accuracy(texts: pl.DataFrame, label: str) -> float:
    """Multinomial naive Bayes (add 0.1) on half of the documents, its accuracy on the rest."""
    words = [set(re.findall(r"\w+|[^\w\s]", text)) for text in texts["text"]]
    number = {word: i for i, word in enumerate(sorted(set().union(*words)))}
    present = np.zeros((len(words), len(number)))
    for row, own in zip(present, words, strict=True):
        row[[number[word] for word in own]] = 1
    labels = texts[label].to_numpy()
    names = np.unique(labels)
    seen = np.arange(len(words)) % 2 == 0
    counts = np.stack([present[seen & (labels == name)].sum(0) for name in names]) + 0.1
    rates = np.log(counts / counts.sum(1, keepdims=True))
    return float((names[(present[~seen] @ rates.T).argmax(1)] == labels[~seen]).mean())


def test_the_world_is_written_once_and_again_when_damaged(study, tmp_path):
    lake = Lake(Home(tmp_path, "demo"))
    small = with_(study, documents=700)
    first = make_fact(small, lake, "planted_documents")
    assert [outcome.reused for outcome in first] == [False, False]
    items = lake.home.inputs / "items.parquet"
    before = items.read_bytes()
    assert all(outcome.reused for outcome in make_fact(small, lake, "planted_documents"))
    items.write_bytes(before[:-100])
    assert not any(outcome.reused for outcome in make_fact(small, lake, "planted_documents"))
    assert items.read_bytes() == before
    assert not any(o.reused for o in make_fact(with_(small, seed=1), lake, "planted_documents"))


def test_a_study_without_the_section_is_an_error(study):
    with pytest.raises(StudyError, match="planted"):
        world.planted_section(study.model_copy(update={"planted": None}))

"""Hidden states as a method, on a real tiny model: what must not matter, does not."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from influence_warehouse.attribution.health import health_problems
from influence_warehouse.attribution.methods import Artefacts, Documents, method_of
from influence_warehouse.benchmarks.queries import encode_queries
from influence_warehouse.errors import StudyError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.models import hidden_states
from influence_warehouse.models.encoding import IGNORED, encode_documents
from influence_warehouse.models.hidden_states import batches_by_length, mean_hidden_states
from influence_warehouse.models.loading import Encoded, load_model, load_tokenizer
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.pipeline.parts import cells
from influence_warehouse.pipeline.steps import steps
from influence_warehouse.study.study import Study
from tests.integration.test_methods import scored, scores_of
from tests.scoring_lake import matrix_of, scoring_study, write_scoring_lake

CELL = "base|hidden_states"
TOLERANCE = 1e-5


def states_study(model: Path, shards: int = 3, batch: int = 256, **settings: object) -> Study:
    methods = [{"kind": "hidden_states"} | settings]
    return scoring_study(model, shards, methods=methods, token_batch_size=batch)


def artefacts_of(study: Study, lake: Lake, folder: Path, rows: pl.DataFrame) -> Artefacts:
    method, items = method_of(study, lake), lake.read("benchmark_items")
    prepared = None
    if study.method.is_prepared:
        method.prepare(Documents(lake, rows), items.clear(), prepared := folder / "prepared")
    method.index(items, folder / "index")
    return Artefacts(prepared, folder / "index")


def scores(study: Study, lake: Lake, folder: Path, rows: pl.DataFrame | None = None) -> np.ndarray:
    """What the method says of the rows, prepared on the whole sample."""
    manifest = lake.read("sampling_manifest").select("doc_id", "content_sha256")
    artefacts = artefacts_of(study, lake, folder, manifest)
    documents = Documents(lake, manifest if rows is None else rows)
    items, method = lake.read("benchmark_items"), method_of(study, lake)
    return matrix_of(
        lambda write: method.score(documents, items, artefacts, write), len(documents.rows)
    )


def plain_means(study: Study, lake: Lake, rows: list[Encoded], layer: int) -> np.ndarray:
    """Each text alone, without padding: of its tokens with a loss, but never the first."""
    model, means = load_model(study, lake.home), []
    with torch.inference_mode():
        for row in rows:
            states = model(input_ids=torch.tensor([row["input_ids"]]), output_hidden_states=True)
            read = [i for i, label in enumerate(row["labels"]) if label != IGNORED and i > 0]
            means.append(states.hidden_states[layer][0, read].double().mean(0).numpy())
    return np.array(means)


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Lake:
    return write_scoring_lake(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def reference(tiny_model, lake, tmp_path_factory) -> np.ndarray:
    return scores(states_study(tiny_model), lake, tmp_path_factory.mktemp("reference"))


@pytest.mark.parametrize("centred", [True, False])
def test_scores_are_cosines_of_means_of_texts_that_are_read_alone(
    centred, tiny_model, lake, tmp_path
):
    study = states_study(tiny_model, centred=centred, layer=2, fit_documents_per_bin=2)
    found = scores(study, lake, tmp_path)
    manifest = lake.read("sampling_manifest")
    tokenizer = load_tokenizer(study, lake.home)
    texts = encode_documents(Documents(lake, manifest).read(), tokenizer, 64)
    queries = encode_queries(lake.read("benchmark_items"), tokenizer, 64)
    documents, items = (plain_means(study, lake, rows, 2) for rows in (texts, queries))
    if centred:
        # `scores` prepares on what it is given; the step gives the first of each bin.
        mean = documents.mean(0)
        documents, items = documents - mean, items - mean
    lengths = np.linalg.norm(documents, axis=1)[:, None] * np.linalg.norm(items, axis=1)
    np.testing.assert_allclose(found, documents @ items.T / lengths, atol=TOLERANCE)
    assert found.std() > 0.01


@pytest.mark.parametrize("batch", [64, 100, 4096])
def test_scores_do_not_depend_on_the_batch_size(batch, tiny_model, lake, reference, tmp_path):
    again = scores(states_study(tiny_model, batch=batch), lake, tmp_path)
    np.testing.assert_allclose(again, reference, atol=TOLERANCE)


def test_scores_do_not_depend_on_the_order_or_on_other_documents(
    tiny_model, lake, reference, tmp_path
):
    rows = lake.read("sampling_manifest").select("doc_id", "content_sha256").with_row_index()
    some = rows.sample(fraction=0.5, shuffle=True, seed=4)
    again = scores(states_study(tiny_model), lake, tmp_path, some.drop("index"))
    np.testing.assert_allclose(again, reference[some["index"].to_numpy()], atol=TOLERANCE)


def test_scores_do_not_depend_on_the_number_of_shards(tiny_model, tmp_path):
    found = {}
    for shards in (1, 5):
        lake = write_scoring_lake(tmp_path / f"{shards}", shards=shards)
        study = states_study(tiny_model, shards, fit_documents_per_bin=1)
        found[shards] = scores_of(study, scored(study, lake), CELL)
    keys = ["benchmark", "doc_id"]
    assert found[1].select(keys).equals(found[5].select(keys))
    assert (found[1]["score"] - found[5]["score"]).abs().max() <= TOLERANCE
    assert found[1]["score"].std() > 0.01


def lake_of_texts(folder: Path, texts: list[str]) -> Lake:
    """The lake with these as its first documents' texts."""
    lake = write_scoring_lake(folder)
    documents = lake.read("documents")
    changed = pl.Series(texts + documents["text"].to_list()[len(texts) :])
    lake.write("documents", documents.with_columns(text=changed), lake.require("documents"))
    return lake


def answers(lake: Lake) -> list[str]:
    items = lake.read("benchmark_items")
    return [row["choices"][row["answer_index"]] for row in items.iter_rows(named=True)]


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("layer", [0, 1, 2, -1])
def test_the_document_that_is_the_query_scores_highest(layer, centred, tiny_model, tmp_path):
    plain = write_scoring_lake(tmp_path / "plain")
    items = plain.read("benchmark_items")
    asked = [
        f"{prompt} {answer}" for prompt, answer in zip(items["prompt"], answers(plain), strict=True)
    ]
    lake = lake_of_texts(tmp_path, asked)
    study = states_study(tiny_model, layer=layer, centred=centred, tokens="all")
    found = scores(study, lake, tmp_path)
    ids = lake.read("sampling_manifest")["doc_id"].to_list()
    own = [ids.index(f"d{number:04d}") for number in range(len(asked))]
    np.testing.assert_allclose(found[own, range(len(asked))], 1.0, atol=TOLERANCE)
    assert found.argmax(axis=0).tolist() == own
    assert np.abs(found).max() <= 1 + TOLERANCE


def test_of_answers_alone_the_document_of_answers_scores_highest(tiny_model, tmp_path):
    plain = write_scoring_lake(tmp_path / "plain")
    unlike = list(dict.fromkeys(answers(plain)))
    # Its first token is not read; embeddings do not depend on what stands before.
    lake = lake_of_texts(tmp_path, [f"the {answer}" for answer in unlike])
    found = scores(states_study(tiny_model, layer=0), lake, tmp_path)
    ids = lake.read("sampling_manifest")["doc_id"].to_list()
    own = [ids.index(f"d{unlike.index(answer):04d}") for answer in answers(plain)]
    assert found.argmax(axis=0).tolist() == own


def test_layers_count_from_both_ends_and_half_way_is_the_default(tiny_model, lake, tmp_path):
    found = {
        layer: scores(states_study(tiny_model, layer=layer), lake, tmp_path / f"{layer}")
        for layer in (None, 0, 1, 2, -1, -2, -3)
    }
    for layer, same in ((-1, 2), (-2, 1), (-3, 0), (None, 1)):
        assert np.array_equal(found[layer], found[same])
    assert not np.allclose(found[0], found[1], atol=0.01)


@pytest.mark.parametrize("layer", [3, -4])
def test_a_layer_that_the_model_does_not_have_is_refused(layer, tiny_model, lake, tmp_path):
    with pytest.raises(StudyError) as caught:
        scores(states_study(tiny_model, layer=layer), lake, tmp_path)
    told = str(caught.value)
    assert f"attribution.methods.hidden_states.layer: the model base ({tiny_model})" in told
    assert f"no layer {layer}" in told and "0 (embeddings) to 2" in told
    assert [path.name for path in tmp_path.iterdir()] == []


def test_what_changes_scores_changes_the_fingerprint(tiny_model, lake):
    def digests(**settings: object) -> tuple[str, str]:
        study = states_study(tiny_model, **settings)
        facts = (("query_index", CELL), ("document_scores", f"{CELL}|00000"))
        return tuple(fingerprint_of(study, lake, fact, part).digest for fact, part in facts)

    plain = digests()
    changes = ({"layer": 1}, {"tokens": "all"}, {"centred": False})
    others = [digests(**change) for change in changes]
    assert len({plain, *others}) == 4
    assert all(a != b for other in others for a, b in zip(plain, other, strict=True))
    # Of which documents the mean is, is none of the queries' business.
    fewer = digests(fit_documents_per_bin=1)
    assert fewer[0] == plain[0] and fewer[1] != plain[1]
    assert digests(batch=64) == plain


def test_a_study_of_hidden_states_takes_no_gradient_and_tells_how_the_model_was_read(
    tiny_model, tmp_path
):
    study = states_study(tiny_model)
    facts = {fact for step in steps(study) for fact in step.facts}
    assert "gradient_diagnosis" not in facts and "query_index" in facts
    lake = scored(study, write_scoring_lake(tmp_path))
    health = lake.read_parts("attribution_health", cells(study))
    assert health_problems(health, 0.01) == []
    assert health["dtype"].unique().to_list() == ["float32"]
    assert health["attention"].unique().to_list() == ["sdpa"]
    uncentred = states_study(tiny_model, centred=False)
    assert "method_preparation" not in {fact for step in steps(uncentred) for fact in step.facts}


def test_documents_that_are_all_the_same_fail_their_check_by_name(tiny_model, tmp_path):
    lake = lake_of_texts(tmp_path, ["the people of the city"] * 60)
    study = states_study(tiny_model)
    scored(study, lake)
    problems = health_problems(lake.read("attribution_health", CELL), 0.01)
    assert problems and all("hidden_states of base" in problem for problem in problems)


def test_numbers_that_are_none_fail_their_check_by_name(tiny_model, tmp_path, monkeypatch):
    def broken(*arguments, **options):
        model = load_model(*arguments, **options)
        model.base_model.layers[0].mlp.down_proj.weight.data[0, 0] = torch.nan
        return model

    place = "influence_warehouse.attribution.methods.hidden_states.load_model"
    monkeypatch.setattr(place, broken)
    study = states_study(tiny_model)
    lake = scored(study, write_scoring_lake(tmp_path))
    problems = health_problems(lake.read("attribution_health", CELL), 0.01)
    assert any("scores are not finite" in problem for problem in problems)


def test_of_training_pairs_the_completion_is_read_after_its_prompt(tiny_model, lake):
    study = states_study(tiny_model)
    model, tokenizer = load_model(study, lake.home), load_tokenizer(study, lake.home)
    text = "the king of the city and the people of the river"
    pair = pl.DataFrame({"doc_id": ["a"], "text": [text], "prompt_chars": [len("the king of")]})
    [row] = encode_documents(pair, tokenizer, 64)
    [of_loss] = mean_hidden_states(model, [row], 1, 64, of_loss=True)
    np.testing.assert_allclose(of_loss, plain_means(study, lake, [row], 1)[0], atol=TOLERANCE)
    [whole] = mean_hidden_states(model, [row], 1, 64)
    everything = Encoded(input_ids=row["input_ids"], labels=row["input_ids"])
    np.testing.assert_allclose(whole, plain_means(study, lake, [everything], 1)[0], atol=TOLERANCE)
    assert np.abs(whole - of_loss).max() > 0.01


def test_a_text_of_one_token_is_read_and_all_texts_are_counted(tiny_model, lake, monkeypatch):
    shown = []
    working = hidden_states.working

    @contextmanager
    def watched(*told):
        with working(*told) as activity:
            shown.append(activity)
            yield activity

    monkeypatch.setattr(hidden_states, "working", watched)
    study = states_study(tiny_model)
    rows = [Encoded(input_ids=ids, labels=ids) for ids in ([70], [71, 72, 73])]
    found = mean_hidden_states(load_model(study, lake.home), rows, 0, 64)
    assert np.isfinite(found).all() and np.abs(found).sum(axis=1).min() > 0
    [activity] = shown
    assert activity.done == activity.total == 2


def test_batches_are_of_like_length_and_hold_no_more_tokens_than_asked():
    lengths = [3, 9, 4, 1, 1, 8, 2, 20]
    batches = list(batches_by_length(lengths, 16))
    order = [position for batch in batches for position in batch]
    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[position] for position in order] == sorted(lengths, reverse=True)
    sizes = [[lengths[position] for position in batch] for batch in batches]
    assert all(len(size) == 1 or len(size) * max(size) <= 16 for size in sizes)

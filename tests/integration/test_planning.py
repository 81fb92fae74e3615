"""`influence check`: its counts are those of a run, its times come from the study's own steps."""

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from influence_warehouse.cli import influence
from influence_warehouse.errors import InputError, StudyError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.planning import probe as probes
from influence_warehouse.planning import workload as workloads
from influence_warehouse.planning.left import shares_left
from influence_warehouse.planning.plan import plan, retraining_runs
from influence_warehouse.planning.preflight import planned
from influence_warehouse.planning.probe import Budget, Rates, _line
from influence_warehouse.study.load import load_study
from influence_warehouse.study.study import Attribution, Compute, Study
from influence_warehouse.taxonomy import FORMATS, TOPICS
from tests.unit.test_study import content

WORDS = [
    "the",
    "world",
    "of",
    "day",
    "night",
    "people",
    "water",
    "energy",
    "color",
    "food",
    "book",
    "game",
    "law",
    "health",
    "school",
]


def text_of(i: int) -> str:
    return " ".join(WORDS[(i * k) % len(WORDS)] for k in range(1, 20)) + f" {i}"


@pytest.fixture
def folder(tmp_path) -> Path:
    """7,000 documents, unevenly over six bins, with copies and empty texts among them; items."""
    rows = [
        {
            "doc_id": f"d{i}",
            "text": "" if i % 50 == 0 else text_of(i - i % 100 if i % 25 == 1 else i),
            "topic": TOPICS[i % 3],
            "format": FORMATS[(i % 7) // 6],
        }
        for i in range(7000)
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "documents.parquet", row_group_size=1000)
    item = {"question": "Which one?", "choices": ["the sun", "the sea"], "answer_index": 0}
    items = [item | {"item_id": f"i{i}"} for i in range(12)]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in items))
    return tmp_path


def settings(folder: Path, model: dict) -> dict:
    benchmark = {"name": "p", "domain": "d", "capability": "c"}
    return content(
        corpus={"path": str(folder / "documents.parquet")},
        sampling={"documents_per_bin": 1500, "shards": 2},
        models=[{"max_tokens": 64} | model],
        benchmarks=[benchmark | {"path": str(folder / "items.jsonl")}],
        contrasts=[],
        attribution={
            "methods": [
                {
                    "kind": "trackstar",
                    "projection_dim": 4,
                    "preconditioner": {"fit_documents_per_bin": 100},
                }
            ],
            "token_batch_size": 256,
        },
        unlearning={"seeds": [1], "stops": {"steps": 3}, "max_tokens": 32},
    )


def study_of(folder: Path, tiny_model: Path) -> Study:
    return Study.model_validate(settings(folder, {"path": str(tiny_model)}))


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "warehouse", "small")


def test_a_corpus_that_is_read_whole_is_counted_exactly(folder, tiny_model, home):
    study = study_of(folder, tiny_model)
    load = planned(study, home, with_probe=False).load
    lake = Lake(home)
    home.create()
    make_fact(study, lake, "documents")
    make_fact(study, lake, "sampling_manifest")
    manifest = lake.read("sampling_manifest")
    assert load.documents == lake.rows("documents")
    assert load.sampled == len(manifest)
    assert load.fitted == len(manifest.filter(pl.col("sample_rank") < 100))
    assert (load.bins, load.n_items, load.share_read) == (6, 12, 1.0)


def test_a_corpus_too_large_to_read_is_extrapolated_and_says_so(
    folder, tiny_model, home, monkeypatch
):
    study = study_of(folder, tiny_model)
    whole = planned(study, home, with_probe=False).load
    monkeypatch.setattr(workloads, "READING_SECONDS", 0.0)
    part = planned(study, home, with_probe=False).load
    assert part.share_read == pytest.approx(1000 / 7000)  # one group of rows
    for name in ("documents", "sampled", "fitted", "text_bytes"):
        assert getattr(part, name) == pytest.approx(getattr(whole, name), rel=0.1), name


def test_costs_grow_with_what_makes_them_grow(folder, tiny_model, home):
    study = study_of(folder, tiny_model)
    load = planned(study, home, with_probe=False).load
    assert plan(study, load, None, "why").missing == "why"
    seconds = {stage.stage: stage.seconds for stage in plan(study, load, Rates(), None).stages}
    rates = Rates(gradient_document=1.0, query=0.1)
    slower = {stage.stage: stage.seconds for stage in plan(study, load, rates, None).stages}
    grown = {name: slower[name] - seconds[name] for name in seconds if slower[name] > seconds[name]}
    assert grown == pytest.approx(
        {
            "diagnosis": 4 * 8,
            "preparation": load.fitted + 1.2,
            "query index": 1.2,
            "scores": load.sampled,
        }
    )


def test_retraining_costs_a_training_a_run(folder, tiny_model, home):
    """Runs are those of the plan that is made, and steps those of the course."""
    section = {
        "leave_out": ["topics", "formats"],
        "halves": {"topics": 3, "buckets": 4},
        "seeds": [1, 2],
        "repeated_subsets": 1,
        "continued": {"epochs": 2, "batch_documents": 4},
    }
    study = Study.model_validate(
        settings(folder, {"path": str(tiny_model)}) | {"unlearning": None, "retraining": section}
    )
    load = planned(study, home, with_probe=False).load
    rates = Rates(training_step=2.0, load=1.0)
    costs = {stage.stage: stage for stage in plan(study, load, rates, None).stages}
    runs = 1 + 2 + 3 + 2 + 3 + 4 + 4
    steps = 2 * -(-load.sampled // 4)
    # Six bins of three topics and two formats; up to six of each are foreseen.
    assert f"{runs + 3 + 4} runs of {steps:,} steps" in costs["retraining"].work
    assert costs["retraining"].seconds == (runs + 3 + 4) * (1 + 2 * steps)
    section["continued"]["steps"] = 5
    capped = Study.model_validate(study.model_dump(mode="json") | {"retraining": section})
    costs = {stage.stage: stage for stage in plan(capped, load, rates, None).stages}
    assert costs["retraining"].seconds == (runs + 3 + 4) * (1 + 2 * 5)
    graded = load_study("graded").retraining
    assert retraining_runs(load_study("graded"), graded, 568) == 78


def test_a_check_times_a_step_of_continued_training(folder, tiny_model, home):
    section = {"halves": {"topics": 1}, "continued": {"batch_documents": 4, "max_tokens": 32}}
    study = Study.model_validate(
        settings(folder, {"path": str(tiny_model)}) | {"unlearning": None, "retraining": section}
    )
    found = planned(study, home)
    assert found.rates is not None and found.rates.training_step > 0
    assert {"retraining", "retrained answers"} <= {stage.stage for stage in found.stages}
    assert "bucket_item_scores" in found.disk


def with_methods(study: Study, *methods: dict) -> Study:
    content = study.model_dump(mode="json")
    content["attribution"]["methods"] = list(methods)
    return Study.model_validate(content)


def test_hidden_states_cost_a_forward_pass_and_no_diagnosis(folder, tiny_model, home):
    states = {"kind": "hidden_states", "fit_documents_per_bin": 100}
    study = with_methods(study_of(folder, tiny_model), states)
    load = planned(study, home, with_probe=False).load
    # As many as TrackStar's preconditioner of the same limit is fitted on.
    fitted = planned(study_of(folder, tiny_model), home, with_probe=False).load.fitted
    assert (load.averaged, load.fitted) == (fitted, 0)
    seconds = {stage.stage: stage.seconds for stage in plan(study, load, Rates(), None).stages}
    assert "diagnosis" not in seconds
    rates = Rates(state_document=1.0, state_query=0.1)
    slower = {stage.stage: stage.seconds for stage in plan(study, load, rates, None).stages}
    grown = {name: slower[name] - seconds[name] for name in seconds if slower[name] > seconds[name]}
    assert grown == pytest.approx(
        {"preparation": load.averaged, "query index": 1.2, "scores": load.sampled}
    )
    uncentred = with_methods(study, states | {"centred": False})
    assert planned(uncentred, home, with_probe=False).load.averaged == 0
    assert "preparation" not in {s.stage for s in plan(uncentred, load, Rates(), None).stages}


def test_source_costs_passes_and_disk_by_its_checkpoints(folder, tiny_model, home):
    for step in (10, 20, 30, 40):
        (folder / f"training/checkpoint-{step}").mkdir(parents=True)
    method = {"kind": "source", "segments": 2, "fit_documents_per_bin": 100}
    given = {"checkpoints": {"path": str(folder / "training")}}
    study = with_methods(study_of(folder, tiny_model), method | given)
    load = planned(study, home, with_probe=False).load
    once = planned(study_of(folder, tiny_model), home, with_probe=False).load.fitted
    assert load.fitted == 4 * 2 * once
    rates = Rates(gradient_document=1.0, whole_gradient_bytes=1000)
    found = plan(study, load, rates, None)
    seconds = {stage.stage: stage.seconds for stage in found.stages}
    assert seconds["scores"] == 4 * load.sampled and seconds["preparation"] == load.fitted
    assert found.disk["work (safe to delete)"] == 2 * 1000 * load.n_items
    absent = method | {"checkpoints": {"path": str(folder / "nowhere")}}
    with pytest.raises(InputError, match=r"nowhere \(attribution.methods.source.checkpoints.path"):
        planned(with_methods(study, absent), home, with_probe=False)


@pytest.mark.slow
def test_a_check_times_hidden_states_and_refuses_a_layer_that_is_not_there(
    folder, tiny_model, home
):
    study = study_of(folder, tiny_model).model_copy(update={"unlearning": None})
    study = with_methods(study, {"kind": "hidden_states"})
    found = planned(study, home)
    assert found.rates is not None and found.rates.state_bytes == 4 * 32
    assert found.rates.state_document > 0 and found.rates.tokens_query > 0
    assert found.rates.gradient_document == 0
    with pytest.raises(StudyError, match=r"hidden_states\.layer: .* has no layer 7"):
        planned(with_methods(study, {"kind": "hidden_states", "layer": 7}), home)


def test_copies_of_embeddings_are_in_the_disk_plan(folder, tiny_model, home):
    rows = {"doc_id": ["d1"], "benchmark": ["p"], "item_id": ["i1"], "embedding": [[1.0]]}
    pl.DataFrame(rows).write_parquet(folder / "vectors.parquet")
    side = {"path": str(folder / "vectors.parquet")}
    method = {"kind": "embeddings", "documents": side, "items": side}
    study = with_methods(study_of(folder, tiny_model), method)
    found = planned(study, home, with_probe=False)
    size = (folder / "vectors.parquet").stat().st_size
    assert found.disk["copies of embeddings (safe to delete)"] == 2 * size


def test_stored_gradients_are_in_the_disk_plan_once_for_all_that_share_them(
    folder, tiny_model, home
):
    study = study_of(folder, tiny_model)
    load = planned(study, home, with_probe=False).load
    rates = Rates(gradient_bytes=1000, projection_dim=4, whole_gradient_bytes=90_000)
    assert "stored gradients" not in plan(study, load, rates, None).disk

    def stored(*methods: dict) -> int:
        listed = [method | {"store_gradients": True} for method in methods]
        kept = Attribution.model_validate({"methods": listed})
        several = study.model_copy(update={"attribution": kept})
        return plan(several, load, rates, None).disk["stored gradients"] // load.sampled

    trackstar = {"kind": "trackstar", "projection_dim": 4}
    dot, trak = {"kind": "gradient_dot"}, {"kind": "trak", "projection_dim": 100}
    assert stored(trackstar) == 1000
    assert stored(trackstar, dot | {"projection_dim": 4}) == 1000
    assert stored(trackstar, dot | {"projection_dim": 8}) == 5000
    assert stored(trackstar, dot | {"projection_dim": 0}) == 91_000
    assert stored(trackstar, trak) == 1400


class Machine:
    """A clock that only work moves: `fixed` seconds a call and `each` a row."""

    def __init__(self, fixed: float, each: float):
        self.fixed, self.each = fixed, each
        self.now = 100.0
        self.calls: list[int] = []

    def clock(self) -> float:
        return self.now

    def run(self, count: int) -> float:
        seconds = self.fixed + self.each * count
        self.now += seconds
        self.calls.append(count)
        return seconds


@pytest.mark.parametrize(("fixed", "each"), [(0.0, 1e-4), (0.1, 0.02), (2.0, 0.5), (5.0, 3.0)])
@pytest.mark.parametrize("seconds", [0.0, 5.0, 20.0, 100.0])
def test_a_rate_is_found_in_the_time_that_there_is(fixed, each, seconds):
    machine = Machine(fixed, each)
    found = _line(machine.run, 1000, Budget(seconds, machine.clock))
    assert found == pytest.approx((each, fixed), rel=1e-6, abs=1e-9)
    # Two calls are always made; more than those only in half of what is left.
    least = 2 * fixed + 6 * each
    assert machine.now - 100.0 <= max(seconds, least) + 1e-9
    assert machine.calls[:2] == [2, 4] or machine.calls[0] == machine.calls[1] == 2


def test_a_rate_that_is_sure_is_not_timed_further():
    quick, slow = Machine(0.0, 1e-4), Machine(0.0, 0.1)
    for machine in (quick, slow):
        _line(machine.run, 1000, Budget(1000.0, machine.clock))
    assert quick.calls == [2, 2, 8, 32, 128]
    assert slow.calls == [2, 2, 8]


@pytest.mark.slow
def test_without_time_each_step_is_still_run_and_planned(folder, tiny_model, home, monkeypatch):
    monkeypatch.setattr(probes, "PROBE_SECONDS", 0.0)
    study = study_of(folder, tiny_model)
    # Other nodes are not there when a study is checked, and not waited for.
    found = planned(study.model_copy(update={"compute": Compute(nodes=2)}), home)
    assert all(stage.seconds > 0 for stage in found.stages), found.stages
    assert found.rates is not None
    assert found.rates.score_fixed == found.rates.gradient_fixed  # assumed, not timed


def check(*arguments: str) -> str:
    result = CliRunner().invoke(influence, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.slow
def test_check_times_every_stage_and_leaves_nothing_behind(folder, tiny_model, home):
    (folder / "s.json").write_text(json.dumps(settings(folder, {"path": str(tiny_model)})))
    root, file = str(home.root), str(folder / "s.json")
    found = json.loads(check("--warehouse", root, "check", file, "--output", "json"))
    times = {stage["stage"]: stage["seconds"] for stage in found["stages"]}
    assert set(times) >= {"predictions", "preparation", "scores", "unlearning", "warehouse"}
    assert all(seconds > 0 for seconds in times.values()), times
    assert found["seconds"] == pytest.approx(sum(times.values()))
    # 14 tracked modules, 4 x 4 numbers of 4 bytes each, and what the index adds to them.
    assert found["rates"]["gradient_bytes"] >= 14 * 64
    assert text_of(1) not in json.dumps(found)
    assert not home.root.exists()


def test_what_is_not_on_this_machine_is_named_not_fetched(folder, home, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "cache"))
    model = {"hub": "org/m", "revision": "f" * 40}
    (folder / "s.json").write_text(json.dumps(settings(folder, model)))
    text = check("--warehouse", str(home.root), "check", str(folder / "s.json"))
    assert "not estimated: the model org/m@ffff" in text
    assert "7,000" not in text and "disk" in text


def test_the_published_study_is_planned_by_its_bounds(home):
    found = planned(load_study("olmo3-dolma3"), home)
    assert found.missing is not None and "allenai/Olmo-3-1025-7B" in found.missing
    assert found.load.is_bound and found.load.sampled == 5_760_000


def _relabelled(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(topic=pl.lit("gaming"))


def _of_one_id(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(doc_id=pl.lit("d1"))


def _of_no_text(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(text=pl.lit("\u200b "))


BROKEN = {
    "labels of no topic": (_relabelled, {}, "unknown_label"),
    "one id for all": (_of_one_id, {}, "duplicate_id"),
    "nothing to see": (_of_no_text, {}, "no usable document"),
    "all too short": (lambda rows: rows, {"min_tokens": 500}, "sampling.min_tokens = 500"),
    "no such topic": (lambda rows: rows, {"topics": ["travel_and_tourism"]}, "sampling.topics"),
    "fewer than bins": (lambda rows: rows, {"max_documents": 3}, "max_documents = 3 are fewer"),
}


@pytest.mark.parametrize("problem", BROKEN)
def test_a_check_refuses_what_a_run_refuses(problem, folder, tiny_model, home):
    change, sampling, message = BROKEN[problem]
    rows = pl.read_parquet(folder / "documents.parquet")
    change(rows).write_parquet(folder / "documents.parquet")
    told = settings(folder, {"path": str(tiny_model)})
    told["sampling"] |= sampling
    study = Study.model_validate(told)

    def run() -> None:
        lake = Lake(home)
        home.create()
        make_fact(study, lake, "documents")
        make_fact(study, lake, "sampling_manifest")

    for tried in (lambda: planned(study, home, with_probe=False), run):
        with pytest.raises(InputError, match=message):
            tried()


def test_all_missing_files_are_named_at_once(folder, tmp_path, home):
    told = settings(folder, {"path": str(tmp_path / "no-model")})
    told["corpus"]["path"] = str(tmp_path / "no-corpus")
    told["benchmarks"][0]["path"] = str(tmp_path / "no-items")
    with pytest.raises(InputError) as caught:
        planned(Study.model_validate(told), home)
    for field in ("corpus.path", "models.base.path", "benchmarks.p.path"):
        assert f"({field})" in str(caught.value)
    assert not home.path.exists()


def test_an_addition_is_told_apart_from_a_fresh_run(folder, tiny_model, home):
    study = study_of(folder, tiny_model)
    load = planned(study, home, with_probe=False).load
    rates = Rates(gradient_document=1.0, query=0.1, text_byte=1e-3)
    assert plan(study, load, rates, None, shares_left(study, home)).seconds_left > load.sampled
    home.create()
    make_fact(study, Lake(home), "documents")
    left = shares_left(study, home)
    assert (left["corpus"], left["scores"]) == (0.0, 1.0)
    found = plan(study, load, rates, None, left)
    corpus = next(stage.seconds for stage in found.stages if stage.stage == "corpus")
    assert found.seconds - found.seconds_left == pytest.approx(corpus)

"""Great Expectations on the forget and retain sets: the suite, its run, what it came to.

Unlearning must not start unless every expectation holds. What is compared is counted anew in
SQL from the manifest, the scores and the items, not by the code that made the sets.
Belongs here: the evidence and which expectations there are. Does not belong here: the sets.
"""

from typing import Any

import duckdb
import polars as pl

from influence_warehouse.corpus.chosen import read_documents
from influence_warehouse.lake.facts import Lake
from influence_warehouse.pipeline.expectation_suite import (
    Expectation,
    ExpectationOutcome,
    Guard,
    outcome_of,
    run_checkpoint,
)
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.pipeline.parts import unlearned_cells
from influence_warehouse.sampling.contamination import contained_questions
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.plan import unlearning_section
from influence_warehouse.unlearning.sets import document_scores

_EVIDENCE = """
    with runs as (
        select
            run_id,
            model,
            method,
            benchmark,
            condition,
            seed,
            topic as region,
            region_kind,
            split_part(topic, '.', 1) not in ('all', 'any') as has_topic,
            url_decode(split_part(topic, '.', 1)) as region_topic,
            url_decode(split_part(topic, '.', 2)) as region_format
        from plan
    ),

    candidates as (
        select
            runs.run_id,
            documents.doc_id,
            row_number() over (
                partition by runs.run_id order by scores.score desc, documents.doc_id
            ) as rank
        from runs
        inner join documents
            on (not runs.has_topic or documents.topic = runs.region_topic)
            and (runs.region_format = '' or documents.format = runs.region_format)
        inner join scores
            on documents.doc_id = scores.doc_id
            and runs.model = scores.model
            and runs.method = scores.method
            and runs.benchmark = scores.benchmark
        where runs.condition like 'influence_%'
    ),

    kept as (
        select distinct model, method, doc_id from retain
    )

    select
        forget.run_id,
        forget.doc_id,
        count(*) over (partition by forget.run_id, forget.doc_id) as copies_in_set,
        documents.doc_id is not null as is_sampled,
        coalesce(
            (not runs.has_topic or documents.topic = runs.region_topic)
            and (runs.region_format = '' or documents.format = runs.region_format),
            false
        ) as is_in_region,
        coalesce(forget.influence_rank, 0) as influence_rank,
        case when runs.condition like 'influence_%' then coalesce(candidates.rank, -1) else 0 end
            as recomputed_rank,
        kept.doc_id is not null as is_retained
    from forget
    inner join runs using (run_id)
    left join documents on forget.doc_id = documents.doc_id
    left join candidates
        on forget.run_id = candidates.run_id and forget.doc_id = candidates.doc_id
    left join kept
        on forget.doc_id = kept.doc_id and runs.model = kept.model and runs.method = kept.method
    order by forget.run_id, forget.doc_id
"""

_SIZES = """
    select
        plan.run_id,
        (select count(*) from forget where forget.run_id = plan.run_id) as n_forget,
        (
            select sha256(string_agg(forget.doc_id || chr(10), '' order by forget.doc_id))
            from forget
            where forget.run_id = plan.run_id
        ) as recounted_digest,
        (
            select count(*) from retain
            where retain.model = plan.model and retain.method = plan.method
                and retain.seed = plan.seed and retain.role = 'retain'
        ) as n_retain,
        (
            select count(*) from retain
            where retain.model = plan.model and retain.method = plan.method
                and retain.seed = plan.seed and retain.role = 'probe'
        ) as n_probe,
        digests.forget_digest
    from plan
    left join digests using (run_id)
    order by plan.run_id
"""


def _expectations(forget: int, retain: int, probe: int) -> tuple[Expectation, ...]:
    between, equal = "ExpectColumnValuesToBeBetween", "ExpectColumnPairValuesToBeEqual"

    def exactly(column: str, value: int) -> dict[str, Any]:
        return {"column": column, "min_value": value, "max_value": value}

    def always(column: str, value: bool) -> dict[str, Any]:
        return {"column": column, "value_set": [value]}

    return (
        Expectation("forget_sets_equal_in_size", "unlearning_sets",
                    f"{forget} documents in every condition", between, exactly("n_forget", forget)),
        Expectation("retain_sets_equal_in_size", "unlearning_sets",
                    f"{retain} documents for every seed", between, exactly("n_retain", retain)),
        Expectation("probe_sets_equal_in_size", "unlearning_sets",
                    f"{probe} documents for every seed", between, exactly("n_probe", probe)),
        Expectation("digests_as_recorded", "unlearning_sets", "the digest recorded with the set",
                    equal, {"column_A": "forget_digest", "column_B": "recounted_digest"}),
        Expectation("no_duplicate_documents", "forget_documents", "each document once in a set",
                    between, exactly("copies_in_set", 1)),
        Expectation("forget_documents_sampled", "forget_documents", "a document of the manifest",
                    "ExpectColumnValuesToBeInSet", always("is_sampled", True)),
        Expectation("forget_documents_in_region", "forget_documents", "in the run's region",
                    "ExpectColumnValuesToBeInSet", always("is_in_region", True)),
        Expectation("influence_ranks_as_claimed", "forget_documents",
                    "rank recomputed from the scores", equal,
                    {"column_A": "influence_rank", "column_B": "recomputed_rank"}),
        Expectation("retain_disjoint_from_forget", "forget_documents", "in no retain or probe set",
                    "ExpectColumnValuesToBeInSet", always("is_retained", False)),
        Expectation("no_benchmark_item_inside", "forget_documents", "no benchmark question in it",
                    between, exactly("n_contained_items", 0)),
    )  # fmt: skip


EXPECTATION_NAMES: tuple[str, ...] = tuple(each.name for each in _expectations(1, 1, 1))
SETS_GUARD = Guard(
    "forget_sets",
    ("retain_sets", "unlearning_plan", "benchmark_items"),
    "for no_benchmark_item_inside remove those documents from the corpus",
)


def expectations_of(study: Study) -> dict[str, str]:
    """What each expectation asks in this study, by its name."""
    return {each.name: each.expected for each in _study_expectations(study)}


def _study_expectations(study: Study) -> tuple[Expectation, ...]:
    sizes = unlearning_section(study)
    return _expectations(sizes.forget_documents, sizes.retain_documents, sizes.probe_documents)


def require_checked_sets(study: Study, lake: Lake) -> None:
    """Raise FactError unless the sets that are there were checked and passed."""
    SETS_GUARD.require_passed(lake)


def check_unlearning_sets(study: Study, lake: Lake) -> list[ExpectationOutcome]:
    """Run the suite as a Great Expectations checkpoint; one outcome per EXPECTATION_NAMES.

    All are blocking. An empty plan passes. Writes under `home.data_docs`, like the sampling
    checkpoint. Raises FactError when the sets are missing or made from something else.
    """
    cells = unlearned_cells(study)
    for cell in cells:
        lake.require_expected(fingerprint_of(study, lake, "forget_sets", cell), cell)
    expectations = _study_expectations(study)
    tables = {
        "unlearning_sets": _sizes(lake, cells),
        "forget_documents": _documents(study, lake),
    }
    results = run_checkpoint(lake.home, "unlearning_sets", tables, expectations)
    return SETS_GUARD.note(lake, [outcome_of(each, results[each.name]) for each in expectations])


def _sizes(lake: Lake, cells: list[str]) -> pl.DataFrame:
    """One row per run: sizes of its sets, and the digest of its forget set, counted anew."""
    digests = lake.read_parts("unlearning_set_digests", cells).select("run_id", "forget_digest")
    tables = {
        "plan": lake.read_parts("unlearning_plan", cells),
        "forget": lake.read_parts("forget_sets", cells),
        "retain": lake.read_parts("retain_sets", cells),
        "digests": digests,
    }
    return _query(_SIZES, tables)


def _documents(study: Study, lake: Lake) -> pl.DataFrame:
    """One row per document of a forget set: what each expectation of documents compares."""
    cells = unlearned_cells(study)
    plan, forget = (lake.read_parts(fact, cells) for fact in ("unlearning_plan", "forget_sets"))
    manifest = lake.read("sampling_manifest", columns=["doc_id", "topic", "format"])
    tables = {
        "plan": plan,
        "forget": forget,
        "retain": lake.read_parts("retain_sets", cells),
        "documents": manifest,
        "scores": pl.concat(_scores(study, lake, plan, cell) for cell in cells),
    }
    rows = _query(_EVIDENCE, tables)
    return rows.join(_contained(lake, forget["doc_id"].unique()), on="doc_id", how="left")


def _scores(study: Study, lake: Lake, plan: pl.DataFrame, cell: str) -> pl.DataFrame:
    model, method = cell.split("|")
    ours = plan.filter(model=model, method=method)["benchmark"].unique().to_list()
    scores = document_scores(study, lake, cell, ours)
    return scores.with_columns(model=pl.lit(model), method=pl.lit(method))


def _contained(lake: Lake, doc_ids: pl.Series) -> pl.DataFrame:
    """doc_id and how many of all benchmarks' questions stand in the document."""
    texts = read_documents(lake, doc_ids, "doc_id", "text")
    questions = lake.read("benchmark_items")["question"].to_list()
    counts = [len(found) for found in contained_questions(questions, texts["text"].to_list())]
    return pl.DataFrame(
        {"doc_id": texts["doc_id"], "n_contained_items": pl.Series(counts, dtype=pl.Int64)}
    )


def _query(sql: str, tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    with duckdb.connect() as connection:
        for name, frame in tables.items():
            connection.register(name, frame.to_arrow())
        return connection.sql(sql).pl()

"""Great Expectations on what retraining leaves out: the suite, its run, what it came to.

Retraining must not start unless every expectation holds. What is compared is counted anew in SQL
from the manifest, the record of the training and the members, not by the code that made the sets.
Belongs here: the evidence and which expectations there are. Does not belong here: the sets.
"""

from typing import Any

import duckdb
import polars as pl

from influence_warehouse.lake.facts import Lake
from influence_warehouse.pipeline.expectation_suite import (
    Expectation,
    ExpectationOutcome,
    Guard,
    outcome_of,
    run_checkpoint,
)
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.pipeline.parts import models
from influence_warehouse.retraining.plan import retraining_section
from influence_warehouse.study.study import Study

# Documents of the training with their labels and bucket, none of which Python computed.
_TRAINED = """
    create temp table trained as
    select
        training.model,
        training.doc_id,
        manifest.doc_id is not null as is_sampled,
        manifest.topic,
        manifest.format,
        ('0x' || left(sha256($seed || ':bucket:' || training.doc_id), 8))::ubigint
        % $buckets::ubigint as bucket
    from training
    left join manifest using (doc_id)
"""

_PARTS = """
    create temp table parts as
    select
        *,
        case when unit != 'bucket' then url_decode(split_part(member, '.', 1)) end as first_label,
        split_part(member, '.', 1) not in ('all', 'any') as has_topic,
        case when unit != 'bucket' then url_decode(split_part(member, '.', 2)) end as second_label
    from sets
"""

_LEFT_OUT = """
    create temp table left_out as
    select distinct parts.model, parts.design, parts.unit, parts.subset, trained.doc_id
    from parts
    inner join trained
        on parts.model = trained.model
        and case
            when parts.unit = 'bucket' then trained.bucket = try_cast(parts.member as ubigint)
            else (not parts.has_topic or trained.topic = parts.first_label)
                and (parts.second_label = '' or trained.format = parts.second_label)
        end
"""

_RUNS = """
    with recounted as (
        select
            model,
            design,
            unit,
            subset,
            count(*) as n_left_out,
            string_agg(doc_id || chr(10), '' order by doc_id) as ids
        from left_out
        group by all
    ),

    sizes as (
        select model, count(*) as n_documents from trained group by all
    )

    select
        plan.run_id,
        digests.n_left_out,
        coalesce(recounted.n_left_out, 0) as recounted,
        digests.left_out_digest,
        sha256(coalesce(recounted.ids, '')) as recounted_digest,
        digests.n_documents,
        sizes.n_documents as recounted_documents,
        case
            when plan.design = 'base' then recounted.n_left_out is null
            else coalesce(recounted.n_left_out < sizes.n_documents, false)
        end as is_proper
    from plan
    left join digests using (run_id)
    left join recounted using (model, design, unit, subset)
    left join sizes on plan.model = sizes.model
    order by plan.run_id
"""

# Members that there are of a unit: regions with a sampled document, and all buckets.
_MEMBERS = """
    with units as (
        select distinct model, 'topic' as unit, topic as label, '' as other from trained
        union all
        select distinct model, 'format' as unit, '' as label, format as other from trained
        union all
        select distinct model, 'bin' as unit, topic as label, format as other from trained
    ),

    sizes as (
        select model, unit, count(*) as n_members
        from units
        where label is not null and other is not null
        group by all
        union all
        select model, 'bucket' as unit, $buckets as n_members
        from (select distinct model from trained)
    ),

    members as (
        select
            parts.*,
            case
                when parts.design = 'leave_out' then parts.member = parts.subset
                when parts.unit = 'bucket'
                    then coalesce(try_cast(parts.member as ubigint) < $buckets, false)
                else units.model is not null
            end as is_known
        from parts
        left join units
            on parts.model = units.model
            and parts.unit = units.unit
            and (units.label = '' or units.label = parts.first_label)
            and units.other = parts.second_label
    ),

    counted as (
        select
            model,
            design,
            unit,
            subset,
            count(*) as n_members,
            bool_and(is_known) as are_known
        from members
        group by all
    )

    select
        plan.run_id,
        coalesce(counted.n_members, 0) as n_members,
        case plan.design when 'base' then 0 when 'leave_out' then 1 else sizes.n_members // 2 end
            as expected_members,
        coalesce(counted.are_known, true) as are_members
    from plan
    left join counted using (model, design, unit, subset)
    left join sizes on plan.model = sizes.model and plan.unit = sizes.unit
    order by plan.run_id
"""


def _expectations() -> tuple[Expectation, ...]:
    equal, in_set = "ExpectColumnPairValuesToBeEqual", "ExpectColumnValuesToBeInSet"

    def same(a: str, b: str) -> dict[str, Any]:
        return {"column_A": a, "column_B": b}

    def always(column: str) -> dict[str, Any]:
        return {"column": column, "value_set": [True]}

    return (
        Expectation("trained_documents_sampled", "trained_documents",
                    "every document of the training is sampled, and so scored", in_set,
                    always("is_sampled")),
        Expectation("trained_documents_counted", "retraining_sets",
                    "the documents of the training", equal,
                    same("n_documents", "recounted_documents")),
        Expectation("left_out_counted", "retraining_sets", "the number recorded with the set",
                    equal, same("n_left_out", "recounted")),
        Expectation("left_out_as_recorded", "retraining_sets", "the digest recorded with the set",
                    equal, same("left_out_digest", "recounted_digest")),
        Expectation("left_out_is_proper", "retraining_sets",
                    "nothing of the base, else some documents and not all", in_set,
                    always("is_proper")),
        Expectation("halves_are_halves", "retraining_members",
                    "one region, or half of what there is, rounded down", equal,
                    same("n_members", "expected_members")),
        Expectation("members_are_known", "retraining_members",
                    "the region that names the subset, sampled regions, or buckets", in_set,
                    always("are_members")),
    )  # fmt: skip


EXPECTATIONS: dict[str, str] = {each.name: each.expected for each in _expectations()}
EXPECTATION_NAMES: tuple[str, ...] = tuple(EXPECTATIONS)
SETS_GUARD = Guard(
    "retraining_sets",
    ("retraining_set_digests", "retraining_plan", "sampling_manifest"),
    "for trained_documents_sampled raise sampling.documents_per_bin, for a world that is graded "
    "scores all that it trains on",
)


def require_checked_sets(study: Study, lake: Lake) -> None:
    """Raise FactError unless the sets that are there were checked and passed."""
    SETS_GUARD.require_passed(lake)


def check_retraining_sets(study: Study, lake: Lake) -> list[ExpectationOutcome]:
    """Run the suite as a Great Expectations checkpoint; one outcome per EXPECTATION_NAMES.

    All are blocking. Writes under `home.data_docs`, like the sampling checkpoint. Raises
    FactError when the sets are missing or made from something else.
    """
    for model in models(study):
        lake.require_expected(fingerprint_of(study, lake, "retraining_sets", model), model)
    expectations = _expectations()
    results = run_checkpoint(lake.home, "retraining_sets", _evidence(study, lake), expectations)
    return SETS_GUARD.note(lake, [outcome_of(each, results[each.name]) for each in expectations])


def _evidence(study: Study, lake: Lake) -> dict[str, pl.DataFrame]:
    """One row per document of a training, and per run what it leaves out and of what members."""
    manifest = lake.read("sampling_manifest", columns=["doc_id", "topic", "format"])
    tables = {
        "manifest": manifest,
        "training": _training(study, lake, manifest),
        "plan": lake.read_parts("retraining_plan", models(study)),
        "sets": lake.read_parts("retraining_sets", models(study)),
        "digests": lake.read_parts("retraining_set_digests", models(study)),
    }
    buckets = {"buckets": retraining_section(study).buckets}
    with duckdb.connect() as connection:
        for name, frame in tables.items():
            connection.register(name, frame.to_arrow())
        connection.execute(_TRAINED, {"seed": str(study.seed), **buckets})
        connection.execute(_PARTS)
        connection.execute(_LEFT_OUT)
        return {
            "trained_documents": connection.table("trained").order("model, doc_id").pl(),
            "retraining_sets": connection.sql(_RUNS).pl(),
            "retraining_members": connection.sql(_MEMBERS, params=buckets).pl(),
        }


def _training(study: Study, lake: Lake, manifest: pl.DataFrame) -> pl.DataFrame:
    """model and doc_id of what each model is trained on."""
    if study.planted is not None:
        return lake.read("training_batches", columns=["model", "doc_id"]).unique()
    return pl.concat(
        manifest.select(pl.lit(model).alias("model"), "doc_id") for model in models(study)
    )

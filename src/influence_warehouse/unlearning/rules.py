"""The fact `region_rules`: by which rule the warehouse chooses the regions to forget.

Belongs here: the study's rule as rows that dbt reads. Does not belong here: applying it
(marts.chosen_bins) and the runs that follow from the choice (plan).
"""

import polars as pl

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Outcome
from influence_warehouse.lake.fingerprint import Fingerprint, digest_of
from influence_warehouse.pipeline.parts import unlearned_cells
from influence_warehouse.sampling.bins import WEBORGANIZER, Labels, labels_of
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.plan import Region, target_benchmarks, unlearning_section


def fingerprint_of_region_rules(study: Study, lake: Lake) -> Fingerprint:
    """From the study's rule and its target benchmarks."""
    rule = unlearning_section(study).regions
    # WebOrganizer's do not change, and a run of it may choose before it has documents.
    own = {} if study.taxonomy == "weborganizer" else {"labels": _digest(labels_of(study, lake))}
    return Fingerprint.of(
        "region_rules",
        **own,
        study=study.name,
        cells=unlearned_cells(study),
        rule=rule.model_dump(mode="json"),
        benchmarks=target_benchmarks(study),
    )


def make_region_rules(study: Study, lake: Lake) -> Outcome:
    """Write one row per method and target benchmark, or per region of an explicit list.

    Raises InputError for a listed region outside the taxonomy.
    """
    fingerprint = fingerprint_of_region_rules(study, lake)
    if lake.is_current(fingerprint):
        return lake.reused(fingerprint)
    rows = rule_rows(study, labels_of(study, lake))
    lake.write("region_rules", rows, fingerprint)
    return Outcome("region_rules", rows.height, reused=False)


def _digest(labels: Labels) -> str:
    return digest_of([list(labels.topics), list(labels.formats)])


def rule_rows(study: Study, known: Labels = WEBORGANIZER) -> pl.DataFrame:
    """Rows of `region_rules`. Raises InputError for a listed region outside the taxonomy."""
    rule = unlearning_section(study).regions
    listed = [(region.benchmark, region.topic, region.format) for region in rule.explicit]
    for _, topic, format in listed:
        Region.chosen(topic, format, known)
    rows = listed or [(benchmark, None, None) for benchmark in target_benchmarks(study)]
    choice = (rule.rule, rule.per_benchmark, rule.max_q)
    return pl.DataFrame(
        [
            (study.name, *cell.split("|"), position, benchmark, *choice, *region)
            for cell in unlearned_cells(study)
            for position, (benchmark, *region) in enumerate(rows)
        ],
        schema=CONTRACTS["region_rules"].columns,
        orient="row",
    )

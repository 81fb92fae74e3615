"""A method that is added to a finished study: computed alone, unlearning included."""

import copy as copies

import pytest

from influence_warehouse.warehouse.query import run_query
from tests.end_to_end.conftest import SMALL_STUDY, SmallWorld, write_small_study
from tests.end_to_end.test_run import facts_of

pytestmark = pytest.mark.slow

# Of all methods together; and what says which there are.
SHARED = {"study_methods.parquet", "region_rules.parquet", "study_benchmarks.parquet"}
SHARED |= {"study_contrasts.parquet", "study_labels.parquet"}
# Of pairs of methods: a third one has two pairs more.
OF_PAIRS = ("agreement_inference", "difference_inference", "method_damage_inference")


def test_a_method_that_is_added_leaves_the_bytes_of_the_others(copy: SmallWorld, tmp_path):
    attribution = copies.deepcopy(SMALL_STUDY["attribution"])
    attribution["methods"].append({"kind": "bm25"})
    unlearning = SMALL_STUDY["unlearning"] | {"methods": ["trackstar", "bm25"]}
    before = facts_of(copy.root)
    file = write_small_study(tmp_path, attribution=attribution, unlearning=unlearning)
    more = SmallWorld(file, copy.root, copy.first_run)
    finished = more.influence("run", str(file))
    assert finished.status == 0, finished.error
    after = facts_of(copy.root)
    kept = {name for name in before.keys() - SHARED if not name.startswith(OF_PAIRS)}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    added = {name for name in after.keys() - before.keys() if not name.startswith(OF_PAIRS)}
    assert added and all("base+bm25" in name for name in added)
    assert finished.error.count("/32 ") == 32, "16 runs of each method"
    totals = more.influence("status", str(file)).out.splitlines()[-1]
    assert totals.endswith(" current") and "," not in totals
    counts = run_query(
        more.home,
        "select method, count(distinct run_id) as runs from unlearning_damage group by method",
    )
    assert dict(counts.iter_rows()) == {"trackstar": 16, "bm25": 16}
    verdicts = run_query(
        more.home, "select distinct method from unlearning_verdicts order by method"
    )
    assert verdicts["method"].to_list() == ["bm25", "trackstar"]
    charts = {path.stem for path in more.home.charts.glob("topic_profile--*.png")}
    assert charts == {f"topic_profile--base--{m}" for m in ("trackstar", "random", "bm25")}

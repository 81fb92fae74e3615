"""Facts in object storage: the same bytes, reads and refusals as in files, or an error by name."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from influence_warehouse.errors import FactError, StudyError, WarehouseError
from influence_warehouse.exchange.imports.study import refuse_other_kinds
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.facts_place import keep_facts_at
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.warehouse.build import build_warehouse
from tests.object_storage import SECRET
from tests.scoring_lake import shard_part

MADE = Fingerprint.of("study_benchmarks", test=1)
SHARD = Fingerprint.of("document_scores", test=1)


def _benchmarks(rows: int = 50) -> pl.DataFrame:
    texts = dict.fromkeys(("study", "domain", "capability", "prompt_format", "metric"), "x")
    return pl.DataFrame({"position": range(rows)}).with_columns(
        benchmark=pl.format("b{}", "position"), **{n: pl.lit(t) for n, t in texts.items()}
    )


def _scores(shard: int) -> pl.DataFrame:
    return pl.DataFrame({"bin_id": range(20)}).with_columns(
        model=pl.lit("base"),
        method=pl.lit("m"),
        benchmark=pl.lit("b"),
        doc_id=pl.format("d{}-{}", pl.lit(shard), "bin_id"),
        score=pl.col("bin_id") / 7,
        positive_square=pl.col("bin_id") / 49,
    )


def _filled(lake: Lake) -> Lake:
    lake.write("study_benchmarks", _benchmarks(), MADE)
    for shard in range(3):
        lake.write("document_scores", _scores(shard), SHARD, shard_part(shard))
    return lake


@pytest.fixture
def lake(tmp_path, bucket) -> Lake:
    home = Home(tmp_path, "demo")
    home.create()
    keep_facts_at(home, f"{bucket}/influence/")
    return _filled(Lake(home))


def test_objects_have_the_bytes_of_files_and_read_alike(lake, tmp_path):
    files = _filled(Lake(Home(tmp_path / "files", "demo")))
    assert str(lake.home.lake) == lake.home.facts_url
    assert lake.home.facts_url.endswith("/influence/demo/lake")
    for fact, shard in (("study_benchmarks", None), ("document_scores", shard_part(2))):
        assert lake.path(fact, shard).read_bytes() == files.path(fact, shard).read_bytes()
        assert_frame_equal(lake.read(fact, shard), files.read(fact, shard))
        some = CONTRACTS[fact].key
        assert_frame_equal(lake.read(fact, shard, some), files.read(fact, shard, some))
        assert lake.scan(fact, shard).collect_schema() == files.scan(fact, shard).collect_schema()
        assert_frame_equal(
            *(each.scan(fact, shard).filter(benchmark="b3").collect() for each in (lake, files))
        )
        assert lake.rows(fact, shard) == files.rows(fact, shard)
        assert lake.require(fact, shard) == files.require(fact, shard)
    assert not list((tmp_path / "demo").rglob("*.parquet")), "nothing of it stays in the home"
    lake.require_intact()


def test_what_is_current_follows_the_object(lake):
    other = Fingerprint.of("study_benchmarks", test=2)
    before = lake.version("study_benchmarks")
    assert lake.is_current(MADE) and not lake.is_current(other)
    lake.write("study_benchmarks", _benchmarks(9), other)
    assert lake.is_current(other) and not lake.is_current(MADE)
    assert lake.version("study_benchmarks") != before
    assert lake.rows("study_benchmarks") == len(lake.read("study_benchmarks")) == 9
    assert not lake.exists("documents")
    assert lake.fingerprint("documents") is None
    with pytest.raises(FactError, match=r"s3://.*documents.parquet: missing.*Remedy"):
        lake.read("documents")


def test_shards_of_a_larger_study_are_dropped(lake):
    parts = [shard_part(shard) for shard in range(3)]
    assert lake.parts("document_scores") == parts
    assert lake.parts("unlearning_runs") == []
    lake.drop_parts("document_scores", parts[:1], of="base|another|")
    assert lake.parts("document_scores") == parts
    lake.drop_parts("document_scores", parts[:1], of="base|trackstar|")
    assert lake.parts("document_scores") == parts[:1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:100] + bytes([content[100] ^ 4]) + content[101:],
        lambda content: content[:100] + content[200:],
        lambda content: content[:-40],
        lambda content: b"",
    ],
)
def test_a_damaged_object_is_refused_and_remade(lake, damage):
    path = lake.path("study_benchmarks")
    assert lake.is_current(MADE)
    path.write_bytes(damage(path.read_bytes()))
    assert not lake.is_current(MADE)
    assert not lake.is_readable("study_benchmarks")
    for read in (lambda: lake.read("study_benchmarks"), lambda: lake.scan("study_benchmarks")):
        with pytest.raises(FactError, match=r"s3://.*benchmarks\.parquet: .*Remedy: delete"):
            read()
    with pytest.raises(FactError, match="damaged"):
        lake.require_intact()
    lake.write("study_benchmarks", _benchmarks(), MADE)
    assert lake.is_current(MADE)


@pytest.mark.slow
def test_storage_that_is_gone_is_an_error_not_a_missing_fact(lake, storage):
    """Else what cannot be read would be made again. The earlier object stays."""
    content = lake.path("study_benchmarks").read_bytes()
    storage.stop()
    try:
        for reach in (
            lambda: lake.is_current(MADE),
            lambda: lake.write("study_benchmarks", _benchmarks(9), MADE),
            lambda: lake.parts("document_scores"),
        ):
            with pytest.raises(WarehouseError, match=r"s3://.*cannot be reached.*Remedy") as caught:
                reach()
            assert SECRET not in str(caught.value)
    finally:
        storage.start()
    assert lake.path("study_benchmarks").read_bytes() == content
    assert not list(lake.home.work.iterdir()), "what was to be uploaded is removed"


def test_the_place_is_chosen_once(lake, bucket):
    home = lake.home
    keep_facts_at(home, f"{bucket}/influence")
    with pytest.raises(StudyError, match=r"are at s3://.*not at s3://.*other/demo.*Remedy"):
        keep_facts_at(home, f"{bucket}/other")
    with pytest.raises(WarehouseError, match=r"Spark.*files alone.*Remedy"):
        build_warehouse(None, lake, "spark")
    assert not home.is_imported
    with pytest.raises(StudyError, match="was run, not imported"):
        refuse_other_kinds(home)


def test_facts_in_the_home_stay_there(tmp_path, bucket):
    home = _filled(Lake(Home(tmp_path, "demo"))).home
    with pytest.raises(StudyError, match=r"holds facts of demo already.*copy this folder to s3:"):
        keep_facts_at(home, bucket)
    assert isinstance(home.lake, Path)


@pytest.mark.parametrize(
    "url",
    [
        "bucket/folder",
        "/a/folder",
        "gs://bucket",
        "s3://",
        "s3://b",
        "s3://key:secret@bucket",
        "s3://bucket/a b",
        "s3://bucket/*",
        "s3://bucket/it's",
        "s3://bucket/{{ env_var('HOME') }}",
        "s3://bucket/../other",
        "s3://bucket?endpoint=http://example.org",
    ],
)
def test_addresses_that_something_would_misread_are_refused(tmp_path, url):
    home = Home(tmp_path, "demo")
    with pytest.raises(StudyError, match=r"is no address.*Remedy"):
        keep_facts_at(home, url)
    assert home.facts_url is None


def test_a_missing_bucket_is_said_before_anything_is_made(tmp_path, storage):
    home = Home(tmp_path, "demo")
    with pytest.raises(WarehouseError, match=r"s3://no-such-bucket-here/.*Remedy"):
        keep_facts_at(home, "s3://no-such-bucket-here")
    assert home.facts_url is None

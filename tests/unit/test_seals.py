"""Seals: any changed byte of a fact is found, by every reader, and only that fact is remade."""

import os
import random
from contextlib import suppress

import polars as pl
import pytest

from influence_warehouse.errors import FactError
from influence_warehouse.lake.facts import METADATA_KEY, Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.seals import BLANK_SEAL, is_intact, seal
from influence_warehouse.lake.seals import METADATA_KEY as SEAL_KEY
from tests.synthetic import synthetic_lake

MADE = Fingerprint.of("bin_populations", test=1)


@pytest.fixture
def lake(tmp_path) -> Lake:
    lake = Lake(Home(tmp_path, "demo"))
    numbers = pl.DataFrame({"bin_id": range(576)})
    lake.write(
        "bin_populations",
        numbers.with_columns(
            topic=pl.lit("a"),
            format=pl.lit("b"),
            stratum=pl.lit("full"),
            population_documents=pl.col("bin_id") * 7919 % 1009,
            sampled_documents=pl.lit(5),
        ),
        MADE,
    )
    return lake


def test_a_whole_fact_is_current_and_says_what_made_it(lake):
    assert lake.is_current(MADE)
    assert lake.require("bin_populations") == MADE
    assert lake.read("bin_populations").height == 576


def test_every_changed_byte_is_found(lake):
    """No reader of Parquet would notice most of these; each is another number somewhere."""
    path = lake.path("bin_populations")
    whole = path.read_bytes()
    silent = 0
    for place in random.Random(3).sample(range(len(whole)), 150):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with suppress(BaseException):  # polars panics on some
            silent += pl.read_parquet(path).height == 576
        assert not is_intact(path), place
    assert silent > 10, "else this test would show nothing that polars does not"
    path.write_bytes(whole)
    assert is_intact(path)


@pytest.mark.parametrize("kept", [0, 1, 11, 12, 400, 0.5, -400, -40, -4, -1])
def test_a_half_written_file_is_found(lake, kept):
    path = lake.path("bin_populations")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    _assert_refused(lake)


def test_a_body_cut_under_a_whole_footer_is_found(lake):
    path = lake.path("bin_populations")
    content = path.read_bytes()
    path.write_bytes(content[:100] + content[200:])
    _assert_refused(lake)


def test_a_flipped_bit_in_a_page_is_refused_by_every_reader(lake):
    _flip(lake, "bin_populations")
    _assert_refused(lake)


def _assert_refused(lake: Lake) -> None:
    assert not lake.is_current(MADE)
    assert not lake.is_readable("bin_populations")
    for read in (
        lambda: lake.read("bin_populations"),
        lambda: lake.scan("bin_populations"),
        lake.require_intact,
    ):
        with pytest.raises(FactError, match=r"bin_populations\.parquet: .*Remedy: delete the file"):
            read()


def _flip(lake: Lake, fact: str) -> None:
    path = lake.path(fact)
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 4
    # In place, as a failing disk would, and no later than before.
    state = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns - 1))


def test_damage_after_a_good_reading_is_found_too(lake):
    assert lake.is_current(MADE)
    _flip(lake, "bin_populations")
    _assert_refused(lake)


def test_a_fact_without_a_seal_is_not_taken_for_whole(lake):
    """Whoever writes a changed copy with another tool keeps the fingerprint at most."""
    path = lake.path("bin_populations")
    rows = lake.read("bin_populations")
    rows.write_parquet(path, metadata={METADATA_KEY: MADE.to_json()})
    assert not lake.is_current(MADE)
    with pytest.raises(FactError, match=r"bin_populations.parquet: damaged.*Remedy"):
        lake.require_intact()


def test_facts_of_an_earlier_version_are_named_before_dbt_reads_them(tmp_path):
    """Beside the others in one folder they would break every query of it."""
    lake = synthetic_lake(tmp_path, documents=300, resamples=100).lake
    lake.require_intact()
    part = lake.path("document_scores", "base|trackstar|00000")
    # As a shard was called, and what it held, before there were models.
    older = lake.read("document_scores", "base|trackstar|00000").drop("model")
    earlier = part.with_name("00000.parquet")
    older.write_parquet(earlier, metadata={SEAL_KEY: BLANK_SEAL})
    seal(earlier)
    with pytest.raises(FactError, match=r"00000.parquet: .*columns of an earlier.*Remedy"):
        lake.require_intact()
    earlier.unlink()
    whole = lake.home.lake / "bin_item_scores.parquet"
    whole.write_bytes(lake.path("bin_item_scores", "base|trackstar").read_bytes())
    with pytest.raises(FactError, match=r"bin_item_scores.parquet: .*earlier version.*Remedy"):
        lake.require_intact()

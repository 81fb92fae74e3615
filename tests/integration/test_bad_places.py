"""Broken places: folders, models, databases and facts that cannot be used. Nothing is lost."""

import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from influence_warehouse.cli import influence
from influence_warehouse.errors import FactError, InputError, WarehouseError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.models.loading import model_source
from influence_warehouse.warehouse.build import build_warehouse
from influence_warehouse.warehouse.publish import publish
from tests.corpus_world import study_of
from tests.synthetic import synthetic_lake

ITEMS = pl.DataFrame({"bin_id": [1], "topic": ["a"], "format": ["b"]}).with_columns(
    population_documents=pl.lit(1), sampled_documents=pl.lit(1), stratum=pl.lit("full")
)


def test_a_warehouse_that_is_a_file(tmp_path):
    place = tmp_path / "warehouse"
    place.write_text("mine")
    with pytest.raises(WarehouseError, match=r"cannot be made.*Remedy.*--warehouse DIR"):
        Home(place, "demo").create()
    assert place.read_text() == "mine"


def test_a_warehouse_where_nothing_can_be_made():
    with pytest.raises(WarehouseError, match=r"(?s)/proc/.*cannot be made.*Remedy"):
        Home(Path("/proc/warehouse"), "demo").create()


def test_a_read_only_home(tmp_path, monkeypatch):
    home = Home(tmp_path, "demo")
    home.create()
    # Root may write anywhere, so what the system would answer others is put in its mouth.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(WarehouseError, match=r"read-only.*Remedy"):
        home.create()


@pytest.mark.parametrize(
    ("removed", "named"),
    [
        ("config.json", "configuration"),
        ("model.safetensors", "weights"),
        ("tokenizer*.json", "tokenizer"),
    ],
)
def test_a_model_folder_that_lacks_a_part(tiny_model, tmp_path, removed, named):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    for path in folder.glob(removed):
        path.unlink()
    study = study_of(folder, {"path": "unused.jsonl"})
    with pytest.raises(InputError, match=rf"lacks .*{named}.*models\.path.*Remedy"):
        model_source(study, Home(tmp_path, "small"))


def test_a_missing_model_folder(tmp_path):
    study = study_of(tmp_path / "nowhere", {"path": "unused.jsonl"})
    with pytest.raises(InputError, match=r"nowhere: no such model folder.*Remedy"):
        model_source(study, Home(tmp_path, "small"))


def test_a_half_written_fact_is_named_and_not_current(tmp_path):
    lake = Lake(Home(tmp_path, "demo"))
    fingerprint = Fingerprint.of("bin_populations", test=1)
    path = lake.write("bin_populations", ITEMS, fingerprint)
    path.write_bytes(path.read_bytes()[:-40])
    assert not lake.is_current(fingerprint)
    with pytest.raises(FactError, match=r"bin_populations.parquet: not a readable fact.*Remedy"):
        lake.read("bin_populations")


def test_a_fact_that_breaks_its_contract_leaves_the_old_one(tmp_path):
    lake = Lake(Home(tmp_path, "demo"))
    fingerprint = Fingerprint.of("bin_populations", test=1)
    before = lake.write("bin_populations", ITEMS, fingerprint).read_bytes()
    for broken, message in [
        (ITEMS.drop("stratum"), r"columns missing \['stratum'\]"),
        (pl.concat([ITEMS, ITEMS]), "not unique"),
        (ITEMS.with_columns(bin_id=pl.lit("one")), "dtype"),
    ]:
        with pytest.raises(FactError, match=message):
            lake.write("bin_populations", broken, fingerprint)
    assert lake.path("bin_populations").read_bytes() == before


def test_a_disk_that_refuses_keeps_the_old_fact(tmp_path):
    lake = Lake(Home(tmp_path, "demo"))
    fingerprint = Fingerprint.of("bin_populations", test=1)
    path = lake.write("bin_populations", ITEMS, fingerprint)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(WarehouseError, match=r"No space left.*Remedy: free disk space"):
            lake.write("bin_populations", ITEMS, fingerprint)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["bin_populations.parquet"]


@pytest.mark.slow
def test_a_database_that_another_process_writes(tmp_path):
    world = synthetic_lake(tmp_path, documents=600, items=12, resamples=100)
    build_warehouse(world.study, world.lake)
    published = publish(world.home, world.study).read_bytes()
    code = (
        "import duckdb, sys\n"
        f"c = duckdb.connect({str(world.home.build_database)!r})\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(WarehouseError, match=r"(?si)lock.*Remedy: close the process"):
            build_warehouse(world.study, world.lake)
        with pytest.raises(WarehouseError, match=r"Remedy: close the process"):
            publish(world.home, world.study)
        assert world.home.database.read_bytes() == published
        writer.communicate("")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "no-such-study.yaml"], "no such study"),
        (["check", "demos"], "did you mean demo?"),
        (["query", "top_topics", "--study", "demo"], "not published yet"),
        (["chart", "no_such_chart", "--study", "demo"], "no such chart"),
    ],
)
def test_the_command_says_what_is_wrong_without_a_traceback(arguments, message, tmp_path):
    result = CliRunner(env={"INFLUENCE_WAREHOUSE": str(tmp_path)}).invoke(influence, arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert "Remedy" in result.output
    assert "Traceback" not in result.output

"""Releases of really built marts: equal bytes, whole or refused, and the same marts again."""

import json
import subprocess
from pathlib import Path

import duckdb
import polars as pl
import pytest
from click.testing import CliRunner

from influence_warehouse.cli import influence
from influence_warehouse.errors import InputError, StudyError
from influence_warehouse.exchange.imports.bin_scores import read_bin_scores
from influence_warehouse.exchange.releases.diff import Side, compare
from influence_warehouse.exchange.releases.export import export_release
from influence_warehouse.exchange.releases.notes import Terms
from influence_warehouse.exchange.releases.read import import_release, open_release
from influence_warehouse.exchange.releases.study_file import study_file
from influence_warehouse.exchange.releases.tables import TEXT_COLUMNS
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.load import load_study
from influence_warehouse.warehouse.dictionary import mart_keys, marts
from influence_warehouse.warehouse.query import named_queries, run_query
from tests.synthetic import MODEL

pytestmark = pytest.mark.slow

TERMS = Terms(licence="CC BY 4.0", citation="A. Analyst, 2026", creators=("A. Analyst",))


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def release(truth, tmp_path_factory) -> Path:
    """A release of the synthetic study with unlearning, in a place with a difficult name."""
    folder = tmp_path_factory.mktemp("released") / "it's a release"
    assert list(export_release(truth.world.home, truth.world.study, folder, TERMS))
    return folder


@pytest.fixture
def taken_in(release, tmp_path, monkeypatch) -> Home:
    monkeypatch.setenv("INFLUENCE_WAREHOUSE", str(tmp_path))
    assert list(import_release(release, "again"))
    return Home(tmp_path, "again")


def test_equal_studies_give_equal_bytes(release, truth, tmp_path):
    list(export_release(truth.world.home, truth.world.study, tmp_path / "b", TERMS))
    assert contents(tmp_path / "b") == contents(release)


def test_others_can_check_it(release):
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=release, capture_output=True)
    assert checked.returncode == 0
    assert len(checked.stdout.splitlines()) == len(contents(release)) - 1


def test_it_names_no_place_of_this_machine(release, truth):
    for name, content in contents(release).items():
        assert str(truth.world.home.root).encode() not in content, name
        assert str(Path.home()).encode() + b"/" not in content, name


def test_every_mart_comes_back_to_the_bit(truth, taken_in):
    sides = [Side("released", truth.world.home.database), Side("again", taken_in.database)]
    assert compare(*sides).is_equal
    with duckdb.connect() as connection:
        for side, name in zip(sides, "ab", strict=True):
            connection.execute(f"attach '{side.path}' as {name} (read_only)")
        described = [
            connection.execute(
                "select t.table_name, t.comment, c.column_name, c.data_type, c.comment "
                "from duckdb_tables() as t join duckdb_columns() as c using (table_oid) "
                "where t.database_name = ? and c.database_name = ? and t.schema_name = 'marts' "
                "order by 1, c.column_index",
                [name, name],
            ).fetchall()
            for name in "ab"
        ]
        assert described[0] == described[1]
        for mart in mart_keys():
            # Not by `compare`, so that a fault there cannot hide one here.
            for one, other in ("ab", "ba"):
                rows = "select * exclude (study) from {}.marts." + mart
                found = connection.sql(f"{rows.format(one)} except all {rows.format(other)}")
                assert found.fetchall() == [], mart
    assert run_query(taken_in, "select distinct study from bins").item() == "again"


def test_verbs_take_it_like_any_study(taken_in):
    for name in named_queries():
        run_query(taken_in, name)
    root = ["--warehouse", str(taken_in.root)]
    status = CliRunner().invoke(influence, [*root, "status", "again"])
    assert status.exit_code == 0
    assert "release of synthetic: it's a release" in status.output
    assert "CC BY 4.0" in status.output
    drawn = CliRunner().invoke(influence, [*root, "chart", "topic_profile", "--study", "again"])
    assert drawn.exit_code == 0, drawn.output
    refused = CliRunner().invoke(influence, [*root, "run", "again"])
    assert "was imported" in refused.output


def test_a_release_of_a_release_holds_the_same_marts(taken_in, release, tmp_path):
    list(export_release(taken_in, None, tmp_path / "second", Terms()))
    notes = open_release(tmp_path / "second")
    assert (notes.kind, notes.terms.licence) == ("imported", "CC BY 4.0")
    sides = [
        Side("first", release, open_release(release)),
        Side("second", tmp_path / "second", notes),
    ]
    assert compare(*sides).is_equal
    assert not (tmp_path / "second" / "study.yaml").exists()


def test_a_byte_is_enough_to_refuse_it(release, tmp_path, monkeypatch):
    monkeypatch.setenv("INFLUENCE_WAREHOUSE", str(tmp_path / "warehouse"))
    copy = tmp_path / "copy"
    for name, content in contents(release).items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        changed = bytes([content[100] ^ 1]) if name == "marts/bins.parquet" else content[100:101]
        (copy / name).write_bytes(content[:100] + changed + content[101:])
    with pytest.raises(InputError, match=r"marts/bins\.parquet: differs"):
        list(import_release(copy, "refused"))
    assert not (tmp_path / "warehouse").exists()


def test_marts_that_are_not_as_noted_are_refused(release, tmp_path):
    """Checksums that fit do not make a table one that the notes describe."""
    from influence_warehouse.exchange.releases.checksums import digests_of, write_checksums

    copy = tmp_path / "copy"
    for name, content in contents(release).items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(content)
    bins = pl.read_parquet(copy / "marts" / "bins.parquet")
    for changed, problem in [
        (bins[:-1], "575 rows, but 576"),
        (pl.concat([bins[:-1], bins[:1]]), "several rows have the same bin_id"),
        (bins.drop("topic"), "columns are not those"),
        (bins.with_columns(pl.col("bin_id").cast(pl.Int64)), "columns are not those"),
    ]:
        changed.write_parquet(copy / "marts" / "bins.parquet")
        (copy / "SHA256SUMS").unlink()
        write_checksums(copy, digests_of(copy))
        with pytest.raises(InputError, match=problem):
            open_release(copy)


def test_names_that_are_taken_or_impossible(release, truth, tmp_path, monkeypatch):
    monkeypatch.setenv("INFLUENCE_WAREHOUSE", str(truth.world.home.root))
    for name, problem in [
        ("synthetic", "was run"),
        ("demo", "preset"),
        ("../x", "pattern"),
        ("", "pattern"),
    ]:
        with pytest.raises(StudyError, match=problem):
            list(import_release(release, name))


def test_only_a_release_is_replaced(release, truth, tmp_path):
    world, place = truth.world, tmp_path / "place"
    place.mkdir()
    (place / "thesis.txt").write_text("dear")
    for replace in (False, True):
        with pytest.raises(InputError, match="is no release"):
            list(export_release(world.home, world.study, place, TERMS, replace))
    (place / "thesis.txt").unlink()
    list(export_release(world.home, world.study, place, TERMS))
    with pytest.raises(InputError, match="--replace"):
        list(export_release(world.home, world.study, place, TERMS))
    (place / "thesis.txt").write_text("dear")
    with pytest.raises(InputError, match=r"thesis\.txt"):
        list(export_release(world.home, world.study, place, TERMS, replace=True))
    (place / "thesis.txt").unlink()
    list(export_release(world.home, world.study, place, TERMS, replace=True))
    assert contents(place) == contents(release)
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


def test_bin_scores_are_those_that_imports_read(release, truth):
    files = sorted((release / "bin_scores" / MODEL / "trackstar").glob("*.csv"))
    assert [file.stem for file in files] == sorted(b.name for b in truth.world.study.benchmarks)
    matrix = pl.read_parquet(release / "bin_matrix.parquet")
    assert matrix.height == 576
    assert pl.read_csv(release / "bin_matrix.csv").equals(
        matrix.with_columns(pl.col(pl.Int32).cast(pl.Int64))
    )
    for file in files:
        scores = read_bin_scores(file, z_tolerance=1e-9).rows
        own = matrix.filter(pl.col(f"n_documents_{file.stem}") > 0)
        assert scores["mean"].equals(own[f"mean_{file.stem}"], check_names=False)
        assert scores["stated_z"].equals(own[f"z_{file.stem}"], check_names=False)


def test_csv_says_what_parquet_says(release):
    for path in (release / "marts").glob("*.parquet"):
        typed = pl.read_parquet(path)
        assert pl.read_csv(path.with_suffix(".csv"), schema=typed.schema).equals(typed), path.stem


def test_texts_leave_as_it_was_said_and_no_further(truth, release, tmp_path):
    world = truth.world
    text = world.lake.read("documents")["text"][0]
    prompt = world.lake.read("benchmark_items")["prompt"][0]
    for choice, has_excerpt, has_text in [
        ("none", False, False),
        ("excerpts", True, False),
        ("full", True, True),
    ]:
        folder = tmp_path / choice
        list(
            export_release(
                world.home, world.study, folder, TERMS.model_copy(update={"text": choice})
            )
        )
        rows = pl.read_parquet(folder / "marts" / "top_documents.parquet")
        assert (rows["excerpt"].null_count() == 0) == has_excerpt
        assert rows["excerpt"].null_count() in (0, rows.height)
        frames = [pl.read_parquet(path) for path in folder.rglob("*.parquet")]
        strings = [f[c] for f in frames for c in f.columns if f[c].dtype == pl.String]
        for whole in (text, prompt):
            assert any(whole in column.to_list() for column in strings) == has_text
        open_release(folder)


def test_columns_of_text_are_all_known():
    named = {
        (mart["name"], column["name"])
        for mart in marts()
        for column in mart["columns"]
        if {"excerpt", "text", "prompt", "question", "snippet"} & set(column["name"].split("_"))
        and column["name"] != "prompt_format"
    }
    assert named == {(mart, column) for mart, columns in TEXT_COLUMNS.items() for column in columns}


def test_every_mart_has_a_key():
    assert set(mart_keys()) == {mart["name"] for mart in marts()}


def test_croissant_is_what_its_own_library_reads(release, caplog):
    import mlcroissant

    dataset = mlcroissant.Dataset(jsonld=release / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    rows = list(dataset.records("bins"))
    expected = pl.read_parquet(release / "marts" / "bins.parquet")
    assert [row["bins/bin_id"] for row in rows] == expected["bin_id"].to_list()
    described = json.loads((release / "croissant.json").read_text(encoding="utf-8"))
    assert {records["@id"] for records in described["recordSet"]} == set(mart_keys())
    assert "not standard" not in caplog.text


def test_the_command_line_from_export_to_diff(truth, tmp_path):
    world = truth.world
    study = tmp_path / "study.yaml"
    study.write_text(study_file(world.study)[0])
    root = ["--warehouse", str(world.home.root)]
    folder = tmp_path / "out"

    def invoke(*arguments: str):
        return CliRunner().invoke(influence, [*root, *arguments])

    made = invoke("export", str(study), "--to", str(folder), "--creator", "A", "--no-text")
    assert made.exit_code == 0, made.output
    assert "licence not stated" in made.output
    assert load_study(str(folder / "study.yaml")) == world.study
    # Without excerpts it differs from the study in them alone.
    different = invoke("diff", str(study), str(folder), "--output", "json")
    assert different.exit_code == 1, different.output
    found = json.loads(different.output)
    assert [t["name"] for t in found["tables"] if t["values"]] == ["top_documents"]
    assert invoke("diff", str(folder), str(folder)).exit_code == 0
    broken = invoke("diff", str(folder), str(tmp_path / "nothing"))
    assert broken.exit_code == 2
    (folder / "README.md").write_text("other")
    changed = invoke("diff", str(folder), str(study))
    assert changed.exit_code == 2
    assert "README.md: differs" in changed.output

"""Document scores of others: what a command may say, what files may hold, which facts come out."""

import json

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from influence_warehouse.errors import InfluenceError, InputError, StudyError, WarehouseError
from influence_warehouse.exchange.imports.document_facts import import_document_scores
from influence_warehouse.exchange.imports.document_scores import slugged
from influence_warehouse.exchange.imports.document_study import score_file, scored_documents
from influence_warehouse.exchange.imports.document_tables import open_table
from influence_warehouse.exchange.imports.groups import labelled_bins
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.own_labels import MAX_BINS, label_problem
from influence_warehouse.taxonomy import FORMATS, TITLES, TOPICS, bin_id
from influence_warehouse.warehouse.query import run_query
from tests.document_score_files import made_documents, made_scores, write

OPTIONS = {
    "documents": "documents.csv", "top_k": 5, "resamples": 100, "seed": 0,
    "source": "s", "licence": "l", "citation": "c",
}  # fmt: skip
MAPS = ["doc_id=id", "score=value", "benchmark=task", "item_id=query"]
GROUPS = ["domain=domain", "language=lang"]


@pytest.fixture(scope="module")
def documents():
    return made_documents(60)


@pytest.fixture(scope="module")
def scores(documents):
    return made_scores(documents, ("trak",), {"social": 3, "stem": 2})


@pytest.fixture
def imported(tmp_path, documents):
    """Import frames as a study `made`; its lake."""

    def run(scores, documents=documents, maps=MAPS, groups=GROUPS, suffix=".csv", **options):
        files = options.pop("files", None) or [write(scores, tmp_path / f"scores{suffix}")]
        labels = write(documents, tmp_path / f"documents{suffix}")
        told = OPTIONS | {"documents": labels} | options
        home = Home(tmp_path / suffix.strip(".") / "warehouse", "made")
        contrasts, designs = told.pop("contrasts", []), told.pop("designs", [])
        study = scored_documents("made", files, maps, groups, contrasts, designs, **told)
        import_document_scores(study, Lake(home))
        return Lake(home)

    return run


def facts(lake):
    return {path.relative_to(lake.home.lake): path for path in lake.home.lake.rglob("*.parquet")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.csv", ("a.csv", None, None)),
        ("trak=a.csv", ("a.csv", "trak", None)),
        (":mmlu=a.csv", ("a.csv", None, "mmlu")),
        ("trak:mmlu=x=1/a.csv", ("x=1/a.csv", "trak", "mmlu")),
    ],
)
def test_a_file_is_given_with_its_method_and_benchmark(text, expected):
    found = score_file(text)
    assert (str(found.path), found.method, found.benchmark) == expected


def test_an_existing_file_is_itself_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=0.1.csv").write_text("x")
    assert score_file("lr=0.1.csv").method is None


@given(st.lists(st.text(max_size=30), max_size=3), st.lists(st.text(max_size=30), max_size=3))
def test_any_words_are_understood_or_refused(maps, groups):
    try:
        study = scored_documents("made", ["a.csv"], maps, groups, [], [], **OPTIONS)
    except StudyError:
        return
    assert len(study.columns) + len(study.wide) + len(study.groupings) == len(maps) + len(groups)


@pytest.mark.parametrize(
    ("maps", "groups", "options", "message"),
    [
        (["colour=x"], [], {}, "no such column.*Remedy"),
        (["score:=x"], [], {}, "no such column.*Remedy"),
        (["doc_id"], [], {}, "given as NAME=VALUE"),
        (["topic=x"], ["topic=y"], {}, "both say how documents are grouped"),
        ([], ["a=x", "b=y", "c=z"], {}, "groupings"),
        ([], ["A b=x"], {}, "groupings.0.name"),
        (["score:a=x"], [], {"benchmark": "a"}, "already says score and benchmark"),
        ([], [], {"top_k": 0}, "top_k"),
        ([], [], {"source": "https://me:secret@host/x"}, "--source: holds a password"),
    ],
)
def test_arguments_that_say_something_impossible(maps, groups, options, message):
    with pytest.raises(StudyError, match=message):
        scored_documents("made", ["a.csv"], maps, groups, [], [], **OPTIONS | options)


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, min_size=1, max_size=9))
def test_bins_are_all_pairs_in_order(labels):
    pairs = labelled_bins(labels, ["x", "y"])
    assert pairs["bin_id"].to_list() == list(range(2 * len(labels)))
    assert pairs.select("topic", "format").rows() == sorted(
        (label, other) for label in labels for other in "xy"
    )
    single = labelled_bins(labels, None)
    assert single.select("topic", "format").rows() == [(label, "all") for label in sorted(labels)]


def test_labels_of_weborganizer_are_its_576_bins():
    cells = labelled_bins([TITLES[slug] for slug in TOPICS[:3]], list(FORMATS[5:7]))
    assert cells["bin_id"].to_list() == list(range(576))
    led_to = cells.drop_nulls()
    assert len(led_to) == 6
    assert led_to["bin_id"].to_list() == [bin_id(t, f) for t in TOPICS[:3] for f in FORMATS[5:7]]


@pytest.mark.parametrize("label", ["", "a\x1b[31m", "a\nb", "\u202ereversed", "x" * 101])
def test_labels_that_cannot_name_a_group(label):
    assert label_problem(label)


@pytest.mark.parametrize("label", ["7", "日本語", "<b>", "a / b", "می‌خواهم", "\N{FAMILY}"])
def test_labels_of_any_script_can(label):
    assert label_problem(label) is None


@given(st.text(max_size=90))
def test_slugs_of_names_are_slugs_or_empty(name):
    assert slugged(name) == slugged(slugged(name))
    assert set(slugged(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


def test_formats_of_files_do_not_matter(imported, scores):
    contents = []
    for suffix in (".csv", ".parquet", ".jsonl"):
        lake = imported(scores, suffix=suffix)
        contents.append(
            [pl.read_parquet(path).drop("file_name", "sha256", strict=False)
             for path in dict(sorted(facts(lake).items())).values()]
        )  # fmt: skip
    for first, *others in zip(*contents, strict=True):
        assert all(first.equals(other) for other in others)
    assert "0007" in lake.read("documents")["doc_id"]


def test_equal_files_give_equal_bytes_and_are_reused(imported, scores):
    before = {name: path.read_bytes() for name, path in facts(imported(scores)).items()}
    times = {path: path.stat().st_mtime_ns for path in facts(imported(scores)).values()}
    for path in facts(imported(scores)).values():
        assert path.stat().st_mtime_ns == times[path]
        path.unlink()
    assert {name: path.read_bytes() for name, path in facts(imported(scores)).items()} == before


def test_a_column_per_benchmark_is_the_same_as_rows(imported, scores):
    means = scores.group_by("id", "task").agg(pl.col("value").mean()).sort("id", "task")
    wide = means.pivot("task", index="id", values="value")
    maps = ["doc_id=id", "score:social=social", "score:stem=stem"]
    found = imported(wide, maps=maps, method="trak").read("bin_scores")
    long = imported(means, maps=MAPS[:3], method="trak").read("bin_scores")
    assert found.equals(long)
    assert found["method"].unique().to_list() == ["trak"]


def test_files_in_parts_and_of_methods_are_one_study(imported, scores, tmp_path):
    halves = [scores.filter(pl.col("id") < "0030"), scores.filter(pl.col("id") >= "0030")]
    plain = [frame.drop("method") for frame in halves]
    files = [write(frame, tmp_path / f"{n}.parquet") for n, frame in enumerate(plain)]
    lake = imported(scores, files=[f"{m}={f}" for m in ("TRAK", "less") for f in files])
    cells = [f"imported|{method}" for method in ("less", "trak")]
    assert lake.parts("document_scores") == [f"{cell}|00000" for cell in cells]
    one = imported(scores, suffix=".parquet")
    (cell,) = one.parts("bin_item_scores")
    whole = one.read("bin_item_scores", cell)
    for of in cells:
        part = lake.read("bin_item_scores", of)
        for name in ("score_sum", "n_in_top_k", "n_documents"):
            np.testing.assert_allclose(part[name], whole[name], rtol=1e-12)


def test_documents_without_a_score_are_left_out(imported, scores):
    lake = imported(scores.filter(pl.col("id") != "0000"))
    assert lake.rows("documents") == lake.rows("sampling_manifest") == 59
    cells = lake.read("bin_populations")
    assert cells["sampled_documents"].sum() == 59
    assert cells.filter(format="日本語")["stratum"].to_list() == ["empty"] * 4


def _replace(column, row, value):
    def change(scores, documents):
        values = scores[column].to_list()
        values[row] = value
        return scores.with_columns(pl.Series(column, values, strict=False)), documents

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_replace("id", 3, None), r"row 4: doc_id is empty"),
        (_replace("value", 6, float("nan")), r"row 7, value: '(?i:nan)' is not a finite number"),
        (_replace("value", 6, float("inf")), r"row 7, value: 'inf' is not a finite number"),
        (_replace("value", 6, 1e39), r"row 7, value: '1e\+39' is not a finite number of 32 bits"),
        (_replace("query", 2, None), r"row 3: item_id is empty"),
        (_replace("task", 2, "?!"), r"benchmark '\?!' would be called ''"),
        (_replace("task", 2, "Social"), r"'Social' would be called 'social'"),
        (_replace("id", 2, "9999"), r"row 3: doc_id 9999 is not in documents"),
        (lambda s, d: (pl.concat([s, s[:1]]), d), r"doc_id \d+: 2 scores"),
        (lambda s, d: (s[1:], d), r"59 of 60 documents have a score; \d+ has none"),
        (lambda s, d: (s.drop("value"), d), "column missing: value; .*Remedy.*--map score=THEIR"),
        (lambda s, d: (s.rename({"method": "m"}), d), "no method was given"),
        (lambda s, d: (s[:0], d), "has no rows"),
        (lambda s, d: (s.with_columns(value=pl.lit(1.0)), d), "means of 9 groups do not differ"),
        (lambda s, d: (s, pl.concat([d, d[:1]])), "rows 1 and 61: doc_id 0000 twice"),
        (lambda s, d: (s, d.drop("lang")), "missing: lang; .*Remedy.*--group language=THEIR"),
        (lambda s, d: (s, d.with_columns(lang=pl.lit(" "))), "row 1: doc_id or label is empty"),
        (lambda s, d: (s, d.with_columns(lang=pl.lit("a\x07"))), r"label 'a\\x07' has the control"),
        (lambda s, d: (s, made_documents(80).with_columns(domain="id", lang="id")),
         f"6,400 groups, more than {MAX_BINS:,}"),
        (lambda s, d: (pl.concat([s, s.with_columns(method=pl.lit("b")).filter(task="stem")]), d),
         "method b has no scores for social"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_does_not_fit_is_refused_and_nothing_is_left(
    imported, scores, documents, tmp_path, change, message, suffix
):
    changed, labels = change(scores, documents)
    with pytest.raises(InputError, match=rf"(?s)(?=.*Remedy).*{message}"):
        imported(changed, labels, suffix=suffix)
    assert not (tmp_path / suffix.strip(".")).exists()


def test_scores_with_and_without_items_are_two_methods(imported, scores, tmp_path):
    means = scores.group_by("id", "task", "method").agg(pl.col("value").mean())
    files = [write(scores, tmp_path / "a.csv"), write(means, tmp_path / "b.csv")]
    maps = [m for m in MAPS if not m.startswith("item_id")] + ["item_id=query"]
    with pytest.raises(InputError, match="column missing: query"):
        imported(scores, files=files, maps=maps)
    renamed = write(scores.rename({"query": "item_id"}), tmp_path / "a.csv")
    with pytest.raises(InputError, match="trak has scores with and without item_id"):
        imported(scores, files=[renamed, files[1]], maps=MAPS[:3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"contrasts": ["c=social,x"]}, "names 'x'"),
        ({"designs": ["x=a,b"]}, r"no scores for \['x'\]"),
    ],
)
def test_contrasts_and_designs_name_benchmarks_of_the_files(imported, scores, options, message):
    with pytest.raises(StudyError, match=message):
        imported(scores, **options)


def test_a_method_is_told_once(imported, scores):
    with pytest.raises(InputError, match=r"'x' was given, but the file has a column method"):
        imported(scores, method="x")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=120), st.sampled_from([".csv", ".parquet", ".jsonl", ".tsv"]))
def test_any_bytes_are_refused_readably(tmp_path, documents, content, suffix):
    path = tmp_path / f"any{suffix}"
    path.write_bytes(content)
    told = OPTIONS | {"documents": write(documents, tmp_path / "d.csv")}
    study = scored_documents("made", [str(path)], MAPS, GROUPS, [], [], **told)
    with pytest.raises(InfluenceError, match="Remedy"):
        import_document_scores(study, Lake(Home(tmp_path / "w", "made")))


@pytest.mark.parametrize("name", ["a.txt", "a[1].csv", "none.csv", "a.parquet.gz"])
def test_what_is_no_table_is_named(tmp_path, documents, name):
    if name != "none.csv":
        (tmp_path / name).write_text("doc_id,score\n")
    told = OPTIONS | {"documents": write(documents, tmp_path / "d.csv")}
    study = scored_documents("made", [str(tmp_path / name)], [], GROUPS, [], [], **told)
    with pytest.raises(InputError, match="Remedy"):
        import_document_scores(study, Lake(Home(tmp_path / "w", "made")))


def test_a_score_that_is_no_number_is_shown(imported, scores, documents):
    comma = scores.with_columns(
        value=pl.col("value").cast(pl.String).str.replace(".", ",", literal=True)
    )
    with pytest.raises(InputError, match=r"row 1, value: '-?\d+,\d+' is not a finite number"):
        imported(comma, documents)


@pytest.mark.parametrize("column", ["value", "id"])
def test_a_list_is_no_number_and_no_text(column, imported, scores):
    lists = scores.with_columns(pl.concat_list(column).alias(column))
    kind = r"DOUBLE\[\], not numbers" if column == "value" else r"VARCHAR\[\], not text"
    with pytest.raises(InputError, match=rf"column {column} is {kind}"):
        imported(lists, suffix=".parquet")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_column_twice_is_refused(suffix, scores, documents, imported, tmp_path):
    import pyarrow.parquet as pq

    path = tmp_path / f"twice{suffix}"
    if suffix == ".csv":
        lines = scores.write_csv().splitlines()
        lines = [f"{line},{'value' if n == 0 else '1'}" for n, line in enumerate(lines)]
        path.write_text("\n".join(lines))
    else:
        table = scores.to_arrow()
        pq.write_table(table.append_column("value", table["value"]), path)
    with pytest.raises(InputError, match=r"twice.*: column value stands there twice.*Remedy"):
        imported(None, documents, files=[str(path)])


def test_a_short_row_is_named_and_a_long_line_is_read(imported, scores, documents, tmp_path):
    path = tmp_path / "short.csv"
    path.write_text(scores.write_csv() + "0001,trak\n")
    with pytest.raises(InputError, match=rf"Line: {len(scores) + 2} .*Found: 2"):
        imported(None, documents, files=[str(path)])
    long = documents.with_columns(body=pl.lit("word " * 600_000))
    assert imported(scores, long).rows("documents") == len(documents)


def test_a_file_divided_otherwise_shows_its_first_line(imported, scores, tmp_path):
    path = tmp_path / "semicolon.csv"
    path.write_text(scores.write_csv(separator=";"))
    with pytest.raises(InputError, match=r"'id;method;task;query;value'.*divided by ','"):
        imported(None, files=[str(path)])


def test_a_name_in_other_case_is_offered(imported, scores):
    with pytest.raises(InputError, match=r"'Value' differs in case: --map score=Value"):
        imported(scores.rename({"value": "Value"}))


def test_labels_that_look_alike_are_one_or_refused(imported, scores, documents):
    import unicodedata

    half = len(documents) // 2
    spelt = ["\u00c9conomie"] * half + ["E\u0301conomie\u00a0"] * (len(documents) - half)
    labels = [*spelt[:-2], "Sport", "Sport"]
    lake = imported(scores, documents.with_columns(domain=pl.Series(labels)))
    assert set(lake.read("documents")["topic"]) == {
        unicodedata.normalize("NFC", spelt[-1])[:-1],
        "Sport",
    }
    hidden = documents.with_columns(domain=pl.Series(["Sport", "Sp\u200bort"] * half))
    with pytest.raises(
        InputError, match=r"labels 'Sp\\u200bort' and 'Sport' look alike|look alike"
    ):
        imported(scores, hidden)


def test_scores_of_the_other_sign_are_negated(imported, scores):
    plain, turned = (
        imported(scores, negated=negated)
        .read("document_scores", "imported|trak|00000")
        .sort("benchmark", "doc_id")
        for negated in ([], ["trak"])
    )
    assert (plain["score"] + turned["score"]).abs().max() == 0
    assert imported(scores, negated=["trak"]).read("imported_files")["is_negated"].all()
    with pytest.raises(StudyError, match=r"--negate: no scores of method trac.*one of trak"):
        imported(scores, negated=["trac"])


def test_a_transposed_matrix_is_suspected(tmp_path, documents, scores):
    """Scores of few documents by as many items as there are documents."""
    few = scores.filter(
        pl.col("id").is_in(documents["id"][:9].to_list()), task="social", query="q0"
    )
    wide = few.drop("query").join(documents.select(query="id"), how="cross")
    wide = wide.with_columns(value=pl.int_range(pl.len()).sin())
    files = [write(wide, tmp_path / "scores.csv")]
    told = OPTIONS | {"documents": write(documents, tmp_path / "documents.csv")}
    study = scored_documents("made", files, MAPS, GROUPS, [], [], **told)
    made = import_document_scores(study, Lake(Home(tmp_path, "made")))
    assert made.suspicion is not None and "is the matrix transposed?" in made.suspicion


def test_swapped_ids_are_named(imported, documents, scores):
    swapped = scores.rename({"id": "query", "query": "id"}).select(scores.columns)
    with pytest.raises(
        InputError, match="every item_id is a document, so that the two seem swapped"
    ):
        imported(swapped)


def test_an_import_that_was_killed_says_to_import_again(imported, scores):
    """Its facts are there, its tables are not."""
    with pytest.raises(WarehouseError, match=r"Remedy: `influence import ...` again"):
        run_query(imported(scores).home, "select 1")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["d1", 2, None], "VARCHAR"),
        ([1, 2**63, -1, "x"], "VARCHAR"),
        (["d1", 2.5], "JSON"),
        ([["d1"], "d2"], "JSON"),
        ([{"id": 1}, "d2"], "JSON"),
    ],
)
def test_texts_among_whole_numbers_are_ids_and_nothing_else_is(values, kind, tmp_path):
    path = tmp_path / "scores.jsonl"
    path.write_text("".join(json.dumps({"doc_id": value, "score": 1}) + "\n" for value in values))
    with duckdb.connect() as connection:
        table = open_table(connection, path)
        assert table.columns["doc_id"] == kind
        if kind == "VARCHAR":
            found = connection.execute(f"select {table.text('doc_id')} from {table.sql}").fetchall()
            assert [value for (value,) in found] == [v if v is None else str(v) for v in values]

"""Bin scores from CSV: what is read, what is refused and how, what an import writes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from influence_warehouse.errors import InputError, StudyError
from influence_warehouse.exchange.imports.bin_facts import import_bin_scores
from influence_warehouse.exchange.imports.bin_scores import check_one_sample, read_bin_scores
from influence_warehouse.exchange.imports.study import bin_score_files
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.names import imported_home
from tests.bin_score_files import HEADER, made_means, made_rows, write_csv

TOLERANCE = 1e-6
TERMS = {"method": "trackstar", "source": "made", "licence": "CC0", "citation": "none"}


@pytest.fixture
def rows():
    return made_rows(made_means(0))


def read(path):
    return read_bin_scores(path, TOLERANCE)


@pytest.mark.parametrize("titles", [False, True])
def test_slugs_and_titles_name_the_same_bins(tmp_path, titles):
    means = made_means(0)
    found = read(write_csv(tmp_path / "a.csv", made_rows(means, titles))).rows
    assert found["bin_id"].to_list() == list(range(576))
    assert found["mean"].to_list() == list(means.values())
    assert found["n_documents"].to_list() == [10 + cell for cell in range(576)]


def test_order_of_lines_and_columns_does_not_matter(tmp_path, rows):
    order = np.random.default_rng(1).permutation(576)
    turned = [[*reversed(rows[i]), "note"] for i in order]
    first = read(write_csv(tmp_path / "a.csv", rows))
    second = read(write_csv(tmp_path / "b.csv", turned, (*reversed(HEADER), "comment")))
    assert first.rows.equals(second.rows)


def test_bins_without_line_or_documents_are_empty(tmp_path):
    left_out = frozenset({3, 4})
    rows = made_rows(made_means(0, left_out))
    rows.append(["adult_content", "audio_transcript", "", "NaN", "0"])
    found = read(write_csv(tmp_path / "a.csv", rows)).rows
    assert found["bin_id"].to_list() == [cell for cell in range(576) if cell not in left_out]


BROKEN = {
    "unknown topic": (0, "cooking", r"line 7, topic_label: 'cooking' is no topic"),
    "unknown format": (1, "", r"line 7, format_label: '' is no format"),
    "text": (2, "1,5e-3", r"line 7, mean_score: '1,5e-3' is not a number"),
    "infinite": (2, "inf", r"line 7, mean_score: 'inf' is not a finite number"),
    "not a number": (3, "nan", r"line 7, zscore: 'nan' is not a finite number"),
    "missing": (3, "", r"line 7, zscore: '' is not a number"),
    "underscore": (4, "1_000", r"line 7, doc_count: '1_000'"),
    "negative": (4, "-3", r"line 7, doc_count: '-3' is not a count"),
    "half": (4, "2.5", r"line 7, doc_count: '2.5' is not a count"),
    "empty with a mean": (4, "0", r"line 7, mean_score: .* doc_count is 0"),
    "other z": (3, "9.0", r"line 7, zscore: 9, but the means give"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_cells_name_line_column_and_remedy(tmp_path, rows, name):
    column, text, message = BROKEN[name]
    rows[5][column] = text
    with pytest.raises(InputError, match=rf"(?s)a\.csv:.*{message}.*Remedy"):
        read(write_csv(tmp_path / "a.csv", rows))


def test_a_bin_twice_names_both_lines(tmp_path, rows):
    with pytest.raises(InputError, match=r"line 578, topic_label.*bin of line 10 again"):
        read(write_csv(tmp_path / "a.csv", [*rows, rows[8]]))


@pytest.mark.parametrize("column", HEADER)
def test_a_missing_column_is_named(tmp_path, rows, column):
    header = tuple("other" if name == column else name for name in HEADER)
    with pytest.raises(InputError, match=rf"column missing: {column}"):
        read(write_csv(tmp_path / "a.csv", rows, header))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "column missing: topic_label"),
        (b"\xff\xfe\x00", "cannot be read as CSV"),
        (",".join(HEADER).encode(), "fewer than two different values"),
        (",".join(HEADER).encode() + b"\nhealth,faq,1,2", "line 2: 4 cells, but 5 columns"),
        ((",".join(HEADER) + ",zscore").encode(), "column twice: zscore"),
    ],
)
def test_what_is_no_table_of_bins_is_refused(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"(?s){message}.*Remedy"):
        read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: cannot be read.*No such file"):
        read(tmp_path / "none.csv")


def test_rounded_z_need_a_stated_tolerance(tmp_path, rows):
    for row in rows:
        row[3] = f"{float(row[3]):.2f}"
    path = write_csv(tmp_path / "a.csv", rows)
    with pytest.raises(InputError, match=r"and \d+ more\nRemedy.*--z-tolerance"):
        read(path)
    assert read_bin_scores(path, 0.005).rows.height == 576


def test_files_of_different_samples_are_refused(tmp_path, rows):
    first = read(write_csv(tmp_path / "a.csv", rows))
    rows[7][4] = "9"
    second = read(write_csv(tmp_path / "b.csv", rows))
    third = read(write_csv(tmp_path / "c.csv", made_rows(made_means(0, frozenset({7})))))
    check_one_sample({"a": first, "again": first})
    with pytest.raises(
        InputError, match=r"(?s)b\.csv.*line 9, doc_count: 9 .*17 in a\.csv.*--study"
    ):
        check_one_sample({"a": first, "b": second})
    with pytest.raises(InputError, match=r"(?s)c\.csv.*no line for bin 7: 0 documents"):
        check_one_sample({"a": first, "c": third})


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)), st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path, content, with_header):
    path = tmp_path / "any.csv"
    path.write_bytes((",".join(HEADER).encode() + b"\n" if with_header else b"") + content)
    with pytest.raises(InputError, match="Remedy"):
        read(path)


@pytest.mark.parametrize(
    ("files", "contrasts", "designs", "name", "message"),
    [
        (["a.csv"], [], [], "s", "given as NAME=VALUE"),
        (["a=1.csv", "a=2.csv"], [], [], "s", "'a' is given twice"),
        (["A b=1.csv"], [], [], "s", r"files\.A b"),
        (["a=1.csv"], ["c=a"], [], "s", "two names with a comma"),
        (["a=1.csv"], ["c=a,x"], [], "s", "names 'x'"),
        (["a=1.csv"], ["a=a,a"], [], "s", "'a' is taken"),
        (["a=1.csv"], [], ["b=social,reasoning"], "s", r"no scores for \['b'\]"),
        (["a=1.csv"], [], [], "demo", "name of a preset"),
        (["a=1.csv"], [], [], "../s", "name: String should match"),
    ],
)
def test_arguments_that_say_something_impossible(files, contrasts, designs, name, message):
    with pytest.raises(StudyError, match=message):
        bin_score_files(name, files, contrasts, designs, z_tolerance=TOLERANCE, **TERMS)


@pytest.fixture
def study(tmp_path, rows):
    write_csv(tmp_path / "a.csv", rows)
    write_csv(tmp_path / "b.csv", made_rows(made_means(1)))
    files = [f"{name}={tmp_path / name}.csv" for name in "ab"]
    return bin_score_files("made", files, ["c=a,b"], [], z_tolerance=TOLERANCE, **TERMS)


def test_equal_files_give_equal_bytes_and_are_reused(tmp_path, study):
    homes = [Home(tmp_path / place, "made") for place in ("one", "two")]
    for home in homes:
        assert not any(outcome.reused for outcome in import_bin_scores(study, Lake(home)))
    contents = [
        {path.relative_to(home.lake): path.read_bytes() for path in home.lake.rglob("*.parquet")}
        for home in homes
    ]
    assert contents[0] == contents[1]
    assert all(outcome.reused for outcome in import_bin_scores(study, Lake(homes[0])))


def test_another_file_replaces_the_scores_alone(tmp_path, study):
    lake = Lake(Home(tmp_path, "made"))
    import_bin_scores(study, lake)
    write_csv(tmp_path / "b.csv", made_rows(made_means(2)))
    changed = {outcome.fact for outcome in import_bin_scores(study, lake) if not outcome.reused}
    assert changed == {"imported_files", "bin_scores"}


def test_a_refused_file_leaves_nothing(tmp_path, study, rows):
    rows[0][4] = "-1"
    write_csv(tmp_path / "b.csv", rows)
    home = Home(tmp_path / "w", "made")
    with pytest.raises(InputError, match="doc_count"):
        import_bin_scores(study, Lake(home))
    assert not home.path.exists()


def test_a_study_that_was_run_is_not_replaced(tmp_path, study):
    lake = Lake(Home(tmp_path, "made"))
    import_bin_scores(study, lake)
    contrasts = lake.read("study_contrasts")
    lake.path("imported_files").unlink()
    lake.write("study_contrasts", contrasts, Fingerprint.of("study_contrasts", run=1))
    with pytest.raises(StudyError, match=r"was run, not imported.*--study"):
        import_bin_scores(study, lake)


def test_only_an_imported_home_is_found_by_name(tmp_path, study, monkeypatch):
    monkeypatch.setenv("INFLUENCE_WAREHOUSE", str(tmp_path))
    assert imported_home("made") is None
    home = Home(tmp_path, "made")
    import_bin_scores(study, Lake(home))
    assert imported_home("made") == home
    assert home.is_imported
    assert imported_home("../made") is None
    assert imported_home("demo") is None

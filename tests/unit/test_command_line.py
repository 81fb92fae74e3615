"""The command line as people type it: where options stand, what names mean, how it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
import yaml

from influence_warehouse.errors import StudyError
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.names import known_studies, note_origin, reference_of
from tests.synthetic import synthetic_study

INFLUENCE = Path(sys.executable).with_name("influence")


@pytest.fixture
def root(tmp_path) -> Path:
    """A warehouse with a published study `mine` that was run from a file elsewhere."""
    content = synthetic_study().model_dump(mode="json") | {"name": "mine"}
    file = tmp_path / "elsewhere" / "my file.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(content))
    home = Home(tmp_path / "warehouse", "mine")
    home.create()
    note_origin(home, str(file))
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.bins as select range as bin_id, 'topic-' || range % 2 as topic "
            "from range(4)"
        )
    return tmp_path / "warehouse"


def influence(root: Path, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [INFLUENCE, *arguments],
        env={**os.environ, "INFLUENCE_WAREHOUSE": str(root), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["query", "from bins", "--study", "mine", "--warehouse", "{root}"],
        ["--warehouse", "{root}", "query", "--study", "mine", "from bins"],
        ["--warehouse", "{root}", "--study", "mine", "query", "from bins"],
        ["query", "--warehouse", "{root}", "from bins", "--study=mine"],
        ["--debug", "query", "from bins", "--study", "mine", "--warehouse", "{root}"],
        ["query", "from bins", "--study", "mine", "--warehouse", "{root}", "--debug"],
        ["query", "from bins", "--study", "{file}", "--warehouse", "{root}"],
    ],
)
def test_options_stand_before_or_after_the_verb(root, arguments, tmp_path):
    told = {"root": root, "file": tmp_path / "elsewhere" / "my file.yaml"}
    done = influence(tmp_path / "other", *(text.format(**told) for text in arguments))
    assert done.returncode == 0, done.stderr
    assert "(4 rows)" in done.stdout


@pytest.mark.parametrize("arguments", [["mine"], ["--study", "mine"], ["{file}"]])
def test_a_verb_finds_a_run_study_by_name_or_path(root, arguments, tmp_path):
    file = tmp_path / "elsewhere" / "my file.yaml"
    by_verb = influence(root, "status", *(text.format(file=file) for text in arguments))
    assert by_verb.returncode == 0, by_verb.stderr
    assert "missing" in by_verb.stdout
    if arguments[0] == "--study":
        assert influence(root, *arguments, "status").stdout == by_verb.stdout


def test_studies_are_listed(root):
    lines = influence(root, "studies").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "demo",
        "graded",
        "olmo3-dolma3",
        "webtext",
        "mine",
    ]
    assert "my file.yaml" in lines[-1] and "published" in lines[-1]


@pytest.mark.parametrize("verb", ["query", "chart"])
def test_names_are_listed(root, verb):
    done = influence(root, verb, "--list")
    assert done.returncode == 0 and len(done.stdout.splitlines()) > 10
    assert all(len(line.split()) > 3 for line in done.stdout.splitlines()), "each has a question"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["statsu", "demo"], "Did you mean 'status'?"),
        (["query", "from bins", "--studdy", "mine"], "--studdy"),
        (["status", "demmo"], "did you mean demo?"),
        (["status", "mien"], "did you mean mine?"),
        (["query", "top_topcs", "--study", "mine"], "top_topics"),
        (["query", "from bins", "tpic=a", "--study", "mine"], "did you mean topic?"),
        (["query", "from", "bins", "--study", "mine"], "put SQL into quotes"),
        (["query", "nowhere.sql", "--study", "mine"], "nowhere.sql: cannot be read"),
        (["chart", "bin_heatmp", "--study", "mine"], "no such chart"),
    ],
)
def test_what_is_misspelt_is_told_with_what_was_meant(root, arguments, said):
    done = influence(root, *arguments)
    assert done.returncode in (1, 2)
    assert said in done.stderr and "Traceback" not in done.stderr


SQL = "-- the first\nselect topic from bins where bin_id = 1;\n"


@pytest.mark.parametrize("way", ["argument", "file", "stdin", "dash"])
def test_sql_comes_as_argument_file_or_stdin_and_begins_with_a_comment(root, way, tmp_path):
    file = tmp_path / "my.sql"
    file.write_text(SQL)
    words = {"argument": [SQL], "file": [str(file)], "stdin": [], "dash": ["-"]}[way]
    done = influence(root, "query", *words, "--study", "mine", "--output", "csv", input=SQL)
    assert (done.returncode, done.stdout) == (0, "topic\ntopic-1\n"), done.stderr


def test_values_of_columns_keep_rows(root):
    done = influence(root, "query", "from bins", "topic=topic-1", "--study", "mine")
    assert "(2 rows)" in done.stdout


def test_no_encoding_of_terminal_or_argument_is_a_traceback(root):
    plain = {**os.environ, "INFLUENCE_WAREHOUSE": str(root), "PYTHONIOENCODING": "ascii"}
    command = [INFLUENCE, "query", "--study", "mine"]
    done = subprocess.run([*command, "select 'é' as x"], env=plain, capture_output=True)
    assert done.returncode == 0 and b"?" in done.stdout
    done = subprocess.run([*command, b"select '\xe9' as x"], env=plain, capture_output=True)
    assert done.returncode == 1 and b"is not UTF-8 text" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_deleted_current_folder_is_told(root, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd {gone} && rmdir {gone} && {INFLUENCE} query 'from bins'"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.returncode == 1
    assert "the current folder was deleted" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", ["KeyError", "PanicException"])
def test_an_error_that_nobody_foresaw_is_one_message_and_a_traceback_on_demand(kind, root):
    """Panics of libraries in Rust are no Exception."""
    code = (
        "import sys, influence_warehouse.cli as c\n"
        "import influence_warehouse.study.names as s\n"
        "class PanicException(BaseException): pass\n"
        f"def broken(): raise {kind}('a \\x1b[31m word')\n"
        "s.known_studies = broken\n"
        "sys.argv = ['influence', *sys.argv[1:]]\n"
        "c.main()\n"
    )
    for options, traceback in (([], False), (["--debug"], True)):
        done = subprocess.run(
            [sys.executable, "-c", code, "studies", *options], capture_output=True, text=True
        )
        assert done.returncode == 1 and kind in done.stderr
        assert ("Traceback" in done.stderr) == traceback
        assert traceback or ("--debug" in done.stderr and "\x1b" not in done.stderr)


def test_a_home_in_a_variable_may_begin_with_a_tilde(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root.parent))
    monkeypatch.setenv("INFLUENCE_WAREHOUSE", "~/warehouse")
    assert "mine" in [study.name for study in known_studies()]


def test_two_files_with_one_name_are_refused(root, tmp_path, monkeypatch):
    monkeypatch.setenv("INFLUENCE_WAREHOUSE", str(root))
    home, first = Home(root, "mine"), Path(reference_of("mine"))
    second = tmp_path / "second.yaml"
    second.write_text(f"{first.read_text()}\n# changed\n")
    with pytest.raises(StudyError, match=r"second.yaml.*my file.yaml.*another `name`"):
        note_origin(home, str(second))
    first.unlink()
    with pytest.raises(StudyError, match="which is gone"):
        reference_of("mine")
    note_origin(home, str(second))
    assert reference_of("mine") == str(second)


WAITING = """
import subprocess, sys, threading, time
import influence_warehouse.study.names as s
from influence_warehouse import cli
def waits():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    import multiprocessing
    held = multiprocessing.get_context("spawn").Semaphore()  # what leaks would be reported of
    print("ready", flush=True)
    try:
        {busy}
    except KeyboardInterrupt:
        raise RuntimeError("a library's own answer")
s.known_studies = waits
sys.argv = ["influence", "studies"]
cli.main()
"""


@pytest.mark.parametrize("busy", ["time.sleep(600)", "sum(i for i in range(10**12))"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_is_one_line_and_leaves_no_process(busy, number, status):
    import psutil

    process = subprocess.Popen(
        [sys.executable, "-c", WAITING.format(busy=busy)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    time.sleep(0.2)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (status, "stopped; run again to go on\n")
    _, left = psutil.wait_procs(children, timeout=10)
    assert not left

"""What a run record says of how a fact was made."""

import json
import platform
import subprocess
import sys

import torch

from influence_warehouse.lake.facts import Outcome
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.records import Timer, record_path, write_record


def record_of(home: Home) -> dict:
    write_record(home, Outcome("documents", 3, reused=False), "f", Timer())
    return json.loads(record_path(home, "documents", None).read_text())


def test_a_record_names_the_gpu_that_a_step_could_use(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    assert record_of(Home(tmp_path, "s"))["software"]["processor"] == "NVIDIA H200"


def test_a_record_tells_what_cores_worked_and_how_much_was_written(tmp_path):
    home, started = Home(tmp_path, "s"), Timer()
    while started.core_seconds < 0.1:
        sum(range(10_000))
    before = started.core_seconds
    # A child that ended counts, too.
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert started.core_seconds > before + 0.03
    write_record(home, Outcome("documents", 3, reused=False, n_bytes=12), "f", started)
    record = json.loads(record_path(home, "documents", None).read_text())
    assert record["bytes"] == 12 and record["core_seconds"] >= 0.13


def test_a_record_names_the_processor_where_there_is_no_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    record = record_of(Home(tmp_path, "s"))
    assert record["software"]["processor"] == platform.machine()
    assert (record["rows"], record["fingerprint"]) == (3, "f")

"""Dagster's pages: started from anywhere, they show and change nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.end_to_end.conftest import write_small_study

pytestmark = pytest.mark.slow

LAUNCH = (
    'mutation { launchPipelineExecution(executionParams: {mode: "default", selector: '
    '{repositoryName: "__repository__", repositoryLocationName: "dagster_project.definitions", '
    'pipelineName: "prepare"}, runConfigData: {}}) { __typename } }'
)


def ask(port: int, query: str) -> dict:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Port of `influence ui`, started in a folder of Python files that leave a mark."""
    folder, port = tmp_path / "hostile", free_port()
    folder.mkdir()
    for name in ("dbt", "dagster", "dagster_dbt", "dagster_project", "json", "torch", "uvicorn"):
        mark = f"open({str(tmp_path / 'mark')!r}, 'w').write({name!r})\n"
        (folder / f"{name}.py").write_text(mark)
    command = [str(Path(sys.executable).with_name("influence")), "ui", "--port", str(port)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--study", str(write_small_study(tmp_path))],
            cwd=folder,
            env={**os.environ, "INFLUENCE_WAREHOUSE": str(tmp_path / "warehouse")},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + 240
        while True:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            try:
                ask(port, "{ version }")
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.5)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


def test_the_page_shows_the_lineage_and_starts_nothing(page, tmp_path):
    nodes = ask(page, "{ assetNodes { assetKey { path } } }")["data"]["assetNodes"]
    shown = {node["assetKey"]["path"][-1] for node in nodes}
    assert {"sampling_manifest", "bin_influence", "chart_bin_heatmap", "report"} <= shown
    launched = ask(page, LAUNCH)["data"]["launchPipelineExecution"]["__typename"]
    assert launched == "UnauthorizedError"
    runs = ask(page, "{ runsOrError { ... on Runs { results { runId } } } }")
    assert runs["data"]["runsOrError"]["results"] == []
    assert not (tmp_path / "mark").exists(), "a file of the current folder was run"

"""Dagster's pages: started from anywhere, they show and change nothing."""

import pytest

from tests.end_to_end.conftest import write_small_study
from tests.ui_page import ask, started_page

pytestmark = pytest.mark.slow

LAUNCH = (
    'mutation { launchPipelineExecution(executionParams: {mode: "default", selector: '
    '{repositoryName: "__repository__", repositoryLocationName: "dagster_project.definitions", '
    'pipelineName: "prepare"}, runConfigData: {}}) { __typename } }'
)


@pytest.fixture
def page(tmp_path):
    """The page of a study that was not run."""
    with started_page(tmp_path, write_small_study(tmp_path), tmp_path / "warehouse") as port:
        yield port


def test_the_page_shows_the_lineage_and_starts_nothing(page, tmp_path):
    nodes = ask(page, "{ assetNodes { assetKey { path } } }")["data"]["assetNodes"]
    shown = {node["assetKey"]["path"][-1] for node in nodes}
    assert {"sampling_manifest", "bin_influence", "chart_bin_heatmap", "report"} <= shown
    launched = ask(page, LAUNCH)["data"]["launchPipelineExecution"]["__typename"]
    assert launched == "UnauthorizedError"
    runs = ask(page, "{ runsOrError { ... on Runs { results { runId } } } }")
    assert runs["data"]["runsOrError"]["results"] == []
    assert not (tmp_path / "mark").exists(), "a file of the current folder was run"

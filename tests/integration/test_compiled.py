"""Compiled norms and rotary embeddings: the same scores, or an error that says so."""

import shutil

import pytest
import torch

from influence_warehouse.attribution.bergson_session import bergson_output_to
from influence_warehouse.attribution.compiled import compile_small_parts, require_same_scores
from influence_warehouse.attribution.gradient_pass import KeptPass, let_go
from influence_warehouse.attribution.gradients import Comparison, Projection, gradients_of
from influence_warehouse.benchmarks.queries import encode_queries
from influence_warehouse.errors import HealthError
from influence_warehouse.models.encoding import encode_documents
from influence_warehouse.models.loading import load_tokenizer
from tests.scoring_lake import scoring_study, write_scoring_lake

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiled_parts_give_the_same_scores(backend, tiny_model, tmp_path):
    if backend == "inductor" and shutil.which("g++") is None:
        pytest.skip("no C++ compiler, which this backend needs on a processor")
    let_go()
    study, lake = scoring_study(tiny_model), write_scoring_lake(tmp_path, n_documents=12)
    tokenizer = load_tokenizer(study, lake.home)
    documents = encode_documents(lake.read("documents"), tokenizer, 64)
    queries = encode_queries(lake.read("benchmark_items"), tokenizer, 64)
    gradients = gradients_of(study, lake, Projection(4))
    with bergson_output_to(gradients.log):
        gradients.index(queries, tmp_path / "queries")
        kept = KeptPass(gradients, Comparison(unit_normalize=True), tmp_path / "queries")
        # Two norms of queries and keys and two of outputs a layer, the last norm, one embedding.
        assert compile_small_parts(kept._model._model, backend) >= 10
        kept.check_compiled(documents, tmp_path / "scratch")
    let_go()


def test_scores_that_part_are_named():
    scores = torch.randn(8, 4, generator=torch.Generator().manual_seed(1))
    require_same_scores(scores, scores * (1 + 1e-3))
    for other in (scores + torch.randn(8, 4), scores * float("nan")):
        with pytest.raises(HealthError, match=r"compiled norms .*compute.compile to false"):
            require_same_scores(scores, other)

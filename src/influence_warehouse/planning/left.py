"""What of a study is still to be made, as shares of the stages that a plan times.

Belongs here: which facts a stage's time is spent on. Does not belong here: what makes a fact
stale (`status`).
"""

from collections import defaultdict

from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.status import states
from influence_warehouse.study.study import Study

# What follows from these is quick, or made at every run.
_FACTS = {
    "planted model": "planted_model",
    "checkpoints": "training_checkpoints",
    "corpus": "documents",
    "predictions": "item_predictions",
    "diagnosis": "gradient_diagnosis",
    "preparation": "method_preparation",
    "query index": "query_index",
    "scores": "document_scores",
    "unlearning": "unlearning_runs",
    "unlearned answers": "unlearned_predictions",
    "retraining": "retraining_runs",
    "retrained answers": "retrained_predictions",
}


def shares_left(study: Study, home: Home) -> dict[str, float]:
    """Stage -> share of its shards or runs that are not current, 0 to 1; empty without a home."""
    if not home.path.exists():
        return {}
    found = defaultdict(list)
    for state in states(study, home):
        found[state.fact].append(state.state != "current")
    return {
        stage: sum(found[fact]) / len(found[fact])
        for stage, fact in _FACTS.items()
        if fact in found
    }

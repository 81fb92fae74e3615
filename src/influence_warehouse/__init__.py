"""Influence Warehouse: which regions of a corpus support which capability of a model.

The package is the library: it reads, samples, attributes, aggregates and draws, and
imports no Dagster. Orchestration lives in `dagster_project`, every table that analysts
see in `dbt`. Sub-packages are named after the stages, in the order data flows:
corpus, sampling, benchmarks, attribution, warehouse, reports.
"""

import logging
import os

# Before torch is loaded, wherever this project is entered: its threads spin while they wait, and
# beside other busy processes training then takes fifteen times as long. One's own value stays.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Libraries' own progress bars and advice: progress is told in one style (`progress`).
for _name in ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

__version__ = "0.1.0"

"""The Dagster instance of a warehouse: its home folder and `dagster.yaml`.

One instance serves all studies of a warehouse root, so that the UI shows every run.
"""

import os
from pathlib import Path

from influence_warehouse.lake.facts import write_atomically

# Telemetry and the welcome dialog are off; two runs at once, one writer at a time.
_CONFIG = """\
telemetry: {enabled: false}
nux: {enabled: false}
concurrency:
  runs: {max_concurrent_runs: 2}
  pools: {granularity: run, default_limit: 1}
"""


def prepare_instance(root: Path) -> Path:
    """Make `<root>/.dagster` with its configuration and set DAGSTER_HOME to it."""
    home = root / ".dagster"
    config = home / "dagster.yaml"
    if not config.exists():
        write_atomically(config, lambda part: part.write_text(_CONFIG, encoding="utf-8"))
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    return home

"""The charts, a file each: its name is the chart's, its docstring the question that it answers.

A file holds `CHART`: the SQL over the published copy, the function that draws its rows, and the
columns of which a chart shows one value. To add a chart, add a file; a chart that waits for
unlearning runs has a name that begins with `unlearning_`, one that waits for retraining stands in
`RETRAINING_CHARTS`, too. What several charts share stands beside this folder (theme, labels,
contrasts, profiles, grids, unlearning, retraining).
"""

import ast
from pathlib import Path


def _questions() -> dict[str, str]:
    # Read, not imported: the command line and orchestration need no altair to list charts.
    files = sorted(Path(__file__).parent.glob("[!_]*.py"))
    texts = {file.stem: ast.parse(file.read_text(encoding="utf-8")) for file in files}
    return {name: " ".join((ast.get_docstring(text) or "").split()) for name, text in texts.items()}


CHARTS: dict[str, str] = _questions()
"""Names of the charts, alphabetically, with the question that each answers."""

UNLEARNING_CHARTS = tuple(name for name in CHARTS if name.startswith("unlearning_"))
"""Charts that wait for unlearning runs."""

RETRAINING_CHARTS = ("influence_versus_effect", "method_quality", "retraining_versus_unlearning")
"""Charts that wait for retraining."""

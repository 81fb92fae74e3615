"""Which bins do the methods say support a benchmark most?"""

import altair as alt
import polars as pl

from influence_warehouse.reports import profiles
from influence_warehouse.reports.chart import Chart

_KEPT = 10  # bins of each method


def draw(table: pl.DataFrame) -> alt.FacetChart:
    """Support with its 95 % interval of the surest bins of each method, a panel per method.

    Reads marts.bin_influence joined to marts.methods: bins among the first ten of any method for
    one benchmark. Panels follow the rows' order of methods.
    """
    return profiles.methods_profile(table, "bin")


CHART = Chart(
    sql=profiles.methods_sql("bin", _KEPT),
    draw=draw,
    page="methods",
    place=4,
    facets=("model", "benchmark"),
    is_optional=True,
)

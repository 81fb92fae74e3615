"""Reports: an asset per chart with its picture in the UI, and the pages that show all of them."""

import base64

import dagster as dg

from dagster_project.materialization import WRITER_POOL
from dagster_project.resources import StudyResource
from influence_warehouse.progress import finished, print_progress, step_of_run
from influence_warehouse.reports.charts import CHARTS


def _chart_asset(name: str, question: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"chart_{name}",
        group_name="reports",
        kinds={"altair"},
        deps=["influence_duckdb"],
        description=question,
    )
    def chart(study: StudyResource) -> dg.MaterializeResult:
        from influence_warehouse.reports.drawn import noted_digest
        from influence_warehouse.reports.gallery import draw_and_save

        with step_of_run("charts", f"chart {name}", 1 / len(CHARTS)):
            paths = draw_and_save(study.home, name)
        finished("charts", 1 / len(CHARTS))
        print_progress(f"OK   chart {name} ({len(paths)} files)")
        pictures = [path for path in paths if path.suffix == ".png"]
        shown = "\n\n".join(
            f"![{picture.stem}](data:image/png;base64,"
            f"{base64.b64encode(picture.read_bytes()).decode()})"
            for picture in pictures
        )
        return dg.MaterializeResult(
            metadata={
                "picture": dg.MetadataValue.md(shown),
                "files": dg.MetadataValue.json([str(path) for path in paths]),
            },
            data_version=dg.DataVersion(noted_digest(study.home, name) or ""),
        )

    return chart


@dg.asset(
    group_name="reports",
    deps=["influence_duckdb", *(f"chart_{name}" for name in CHARTS)],
    # dbt writes its own page into the home.
    pool=WRITER_POOL,
)
def report(study: StudyResource) -> dg.MaterializeResult:
    """Pages that open offline: charts, tables, and where each number is from."""
    from influence_warehouse.reports.report import write_report

    with step_of_run("report", "report"):
        page = write_report(study.home, study.study, study.settings.name)
    finished("report")
    print_progress(f"OK   report {page}")
    return dg.MaterializeResult(metadata={"page": dg.MetadataValue.path(page)})


assets = [*(_chart_asset(name, question) for name, question in CHARTS.items()), report]

"""What dbt's command for Spark does before there is a session."""

from pathlib import Path

import pytest

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.warehouse import spark


@pytest.mark.parametrize(
    ("package", "java", "remedy"),
    [(None, "/bin/java", r"pip install 'influence-warehouse\[spark\]'"), ("a", None, "Java.*17")],
)
def test_what_is_absent_is_named_with_its_remedy(monkeypatch, package, java, remedy):
    monkeypatch.setattr(spark, "find_spec", lambda name: package)
    monkeypatch.setattr(spark.shutil, "which", lambda name: java)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("INFLUENCE_SPARK_WAREHOUSE", "not reached")
    with pytest.raises(SystemExit, match=remedy):
        spark.main(["build"])


class _Session:
    def __init__(self):
        self.said: list[str] = []

    def sql(self, statement: str) -> None:
        self.said.append(statement)


def test_every_fact_is_a_view_of_all_its_files(tmp_path: Path):
    session = _Session()
    spark.register_facts(session, tmp_path / "lake", tmp_path / "runs")
    views = {said.split()[4]: said.split("`")[1] for said in session.said if "view" in said}
    assert set(views) == {f"lake.{name}" for name in (*CONTRACTS, "run_records")}
    assert views["lake.document_scores"] == f"{tmp_path}/lake/document_scores/*.parquet"
    assert views["lake.documents"] == f"{tmp_path}/lake/documents.*parquet"
    assert views["lake.run_records"] == f"{tmp_path}/runs/records.parquet"

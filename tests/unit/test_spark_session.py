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


def test_every_contract_can_be_an_empty_view(tmp_path: Path):
    for fact, contract in CONTRACTS.items():
        select = spark._select(tmp_path, fact, contract)
        assert select.count(" as `") == len(contract.columns)
        assert select.endswith("where 1 = 0")


def test_a_fact_in_parts_is_read_as_a_pattern(tmp_path: Path):
    (tmp_path / "document_scores").mkdir()
    (tmp_path / "document_scores" / "00000.parquet").touch()
    select = spark._select(tmp_path, "document_scores", CONTRACTS["document_scores"])
    assert select == f"select * from parquet.`{tmp_path}/document_scores/*.parquet`"

"""Where a study's files are: one class, so that no other module spells a path.

A study's home is `<warehouse root>/<study>/`. The root is `--warehouse`, else the variable
INFLUENCE_WAREHOUSE, else `warehouse` in the current folder.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.object_storage import FactPath, folder_at

# The fact that marks a home as imported: written before any other.
IMPORTED_FILES = "imported_files"
# The model of scores whose importer names none.
IMPORTED_MODEL = "imported"
# How the name of a fact's file without rows ends (`empty_facts`). The tilde sorts it last: DuckDB
# guesses the rows of a pattern by its first file, and of none it plans joins badly.
EMPTY_FACT = "~empty.parquet"
# A run's files are named by its key: file systems take 255 bytes, and facts add their names.
MAX_KEY_BYTES = 180


def file_name_of(part: str) -> str:
    """A part's key as a file's name: `a|b` is `a+b`, because shells read `|`."""
    return part.replace("|", "+")


def part_of(file_name: str) -> str:
    """The part whose file has this name, without its ending."""
    return file_name.replace("+", "|")


def warehouse_root(given: str | os.PathLike | None = None) -> Path:
    """Absolute root of all studies' homes."""
    chosen = Path(given or os.environ.get("INFLUENCE_WAREHOUSE") or "warehouse")
    try:
        return chosen.expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: ~nobody
        raise WarehouseError(
            f"{chosen}: is no place for a warehouse ({error}). "
            "Remedy: name a folder with --warehouse DIR or INFLUENCE_WAREHOUSE."
        ) from error


@dataclass(frozen=True)
class Home:
    """Folders and files of one study."""

    root: Path
    study: str

    @property
    def path(self) -> Path:
        return self.root / self.study

    @property
    def lake(self) -> FactPath:
        """Facts, as Parquet: a folder of the home, or of the object storage that it names."""
        url = self.facts_url
        return self.path / "lake" if url is None else folder_at(url)

    @property
    def facts_url(self) -> str | None:
        """Where in object storage the facts are; None where they are in the home."""
        if not self.facts_url_file.exists():
            return None
        return self.facts_url_file.read_text(encoding="utf-8").strip()

    @property
    def facts_url_file(self) -> Path:
        """Names the folder of the facts, where they are not in the home."""
        return self.path / "facts.url"

    @property
    def origin(self) -> Path:
        """Names the study file or preset that the home is made from."""
        return self.path / "study.origin"

    @property
    def inputs(self) -> Path:
        """Inputs that the study makes itself (the planted world of the demo)."""
        return self.path / "inputs"

    @property
    def model(self) -> Path:
        """The model that the study trains itself, as a transformers folder."""
        return self.path / "model"

    @property
    def checkpoints(self) -> Path:
        """States of that model's training, with the optimizer's."""
        return self.path / "checkpoints"

    @property
    def work(self) -> Path:
        """Intermediate files of attribution, keyed by fingerprint; safe to delete."""
        return self.path / "work"

    @property
    def adapters(self) -> Path:
        """LoRA adapters of unlearned models, one folder per run."""
        return self.path / "adapters"

    @property
    def charts(self) -> Path:
        return self.path / "charts"

    @property
    def report(self) -> Path:
        """Offline pages: charts, tables, and where each number is from."""
        return self.path / "report"

    @property
    def runs(self) -> Path:
        """Logs and one JSON record per materialization."""
        return self.path / "runs"

    @property
    def records_table(self) -> Path:
        """The run records as one Parquet file, for the tables that tell of them."""
        return self.runs / "records.parquet"

    @property
    def data_docs(self) -> Path:
        """Great Expectations project, with its Data Docs."""
        return self.path / "expectations"

    @property
    def build_database(self) -> Path:
        """DuckDB file that dbt alone writes."""
        return self.path / "build.duckdb"

    @property
    def spark(self) -> Path:
        """Tables that dbt made on Spark, as Parquet; safe to delete."""
        return self.path / "spark"

    @property
    def maker(self) -> str:
        """The command that makes the study's tables, as errors name it."""
        return (
            "`influence import ...` again" if self.is_imported else f"`influence run {self.study}`"
        )

    @property
    def is_imported(self) -> bool:
        """Whether what is here was imported, not run; only a run puts facts elsewhere."""
        return self.facts_url is None and (self.lake / f"{IMPORTED_FILES}.parquet").exists()

    @property
    def database(self) -> Path:
        """The published read-only DuckDB file that analysts open."""
        return self.path / "influence.duckdb"

    def create(self) -> None:
        """Make the folders. Raises WarehouseError when the place cannot be written."""
        try:
            for folder in (self.lake, self.work, self.charts, self.runs):
                # Object storage has no folders to make.
                if isinstance(folder, Path):
                    folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WarehouseError(
                f"{self.path}: the study's home cannot be made ({error.strerror}). "
                "Remedy: choose a writable folder with --warehouse DIR or INFLUENCE_WAREHOUSE."
            ) from error
        if not os.access(self.path, os.W_OK):
            raise WarehouseError(
                f"{self.path}: the study's home is read-only. "
                "Remedy: choose a writable folder with --warehouse DIR or INFLUENCE_WAREHOUSE."
            )

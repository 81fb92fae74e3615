"""The words of a release: README.md as a dataset card, and the note on licences.

Belongs here: text for people, and the front matter that dataset hubs read. Does not belong here:
metadata for machines (`croissant`).
"""

from collections.abc import Iterator

import polars as pl
import yaml

from influence_warehouse.exchange.releases.notes import Release
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.study.study import Study

_TEXTS = {
    "none": "No text of a document is in this release: excerpts are null (`--no-text`). "
    "Benchmark items are ids with digests of their prompts.",
    "excerpts": (
        "No document's full text is in this release, because texts are third-party works. "
        "`top_documents.excerpt` and `method_disagreement_documents.excerpt` quote the first 200 "
        "characters of the strongest and weakest documents, so that a reader can judge them; "
        "single terms, ids and addresses stand in the tables, too. Benchmark items are ids with "
        "digests of their prompts."
    ),
    "full": (
        "The full texts of the sampled documents and of the benchmark items are in `manifests/`, "
        "as whoever released this chose (`--with-text`). They stay under their authors' terms."
    ),
}


def dataset_card(
    release: Release, study: Study | None, manifests: dict[str, int], unknown: pl.DataFrame
) -> str:
    """README.md of a release. `unknown`: mart, column_name and reason of what is null."""
    sections = [
        _front_matter(release),
        f"# Influence study {release.study}\n\n{release.description}".strip(),
        "\n".join(_how_to_read(release)),
        "\n".join(_contents(release, manifests)),
        "\n".join(_tables(release)),
        f"## Texts\n\n{_TEXTS[release.terms.text]}",
        "\n".join(_provenance(release, study)),
        "\n".join(_unknowns(release, unknown)),
        "\n".join(_terms(release)),
    ]
    return "\n\n".join(sections) + "\n"


def licence_note(release: Release, study: Study | None) -> str:
    """Text of LICENCE.txt: whose terms hold for what."""
    lines = [
        f"Tables, manifests and metadata of this release: {release.terms.licence}",
        f"Cite as: {release.terms.citation}",
    ]
    if study is not None:
        lines.append(f"Documents of the corpus: {study.corpus.licence}")
    lines += [
        "Texts of documents and of benchmark items, where the release quotes or holds any, stay",
        "under the terms of their authors.",
        "The software that made the tables, influence-warehouse, is under Apache-2.0; its licence",
        "says nothing of these data.",
    ]
    return "\n".join(lines) + "\n"


def _front_matter(release: Release) -> str:
    content = {
        "pretty_name": f"Influence study {release.study}",
        "license": "other",
        "license_name": release.terms.licence,
        "tags": ["data-attribution", "influence", "croissant"],
        "configs": [
            {"config_name": table.name, "data_files": table.parquet} for table in release.tables
        ],
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---"


def _how_to_read(release: Release) -> Iterator[str]:
    first = next((t for t in release.tables if t.name == "bin_influence"), release.tables[0])
    yield "## How to read it\n"
    yield "```sh"
    yield "sha256sum -c SHA256SUMS                      # is it whole?"
    yield f"""duckdb -c "from '{first.parquet}' limit 5\""""
    yield "influence import release . --study a_name    # with queries, charts and report"
    yield "influence diff . ../another_release"
    yield "```"


def _contents(release: Release, manifests: dict[str, int]) -> Iterator[str]:
    yield "## What is where\n"
    yield "| file | what it is |\n|---|---|"
    yield (
        "| `marts/<table>.parquet`, `.csv` | the tables below; in CSV lists are JSON, and an "
        "apostrophe stands before what a spreadsheet would compute |"
    )
    yield "| `bin_matrix.parquet`, `.csv` | per bin, mean score and z of every benchmark |"
    yield (
        "| `bin_scores/<method>/<benchmark>.csv` | the same as `influence import bin-scores` "
        "reads it |"
    )
    for name, rows in manifests.items():
        yield f"| `manifests/{name}.parquet` | {CONTRACTS[name].description} {rows:,} rows |"
    if release.kind == "run":
        yield "| `study.yaml` | the study, to be run again |"
    yield "| `provenance/` | fingerprints of all facts, run records, inputs with SHA-256 |"
    yield "| `release.json`, `croissant.json` | tables and terms for programs |"
    yield "| `SHA256SUMS` | digests of all files |"


def _tables(release: Release) -> Iterator[str]:
    yield "## Tables\n"
    yield "Every column is described in `release.json` and `croissant.json`.\n"
    yield "| table | rows | meaning |\n|---|---|---|"
    for table in release.tables:
        yield f"| `{table.name}` | {table.rows:,} | {_cell(table.description)} |"


def _provenance(release: Release, study: Study | None) -> Iterator[str]:
    yield "## Provenance\n"
    if study is None:
        yield "Results of others, imported; `study_sources` names the files where they are known."
    else:
        yield f"Run from `study.yaml`, seed {study.seed}. Documents: {study.corpus.licence}."
    yield f"Written by influence-warehouse {release.made_with}."
    if release.last_made:
        yield f"The last fact was begun at {release.last_made} (UTC)."
    if release.not_current:
        yield "\nFacts that `study.yaml` would make anew, so that tables may differ:\n"
        yield from (f"- {line}" for line in release.not_current)


def _unknowns(release: Release, unknown: pl.DataFrame) -> Iterator[str]:
    yield "## What is unknown\n"
    empty = [table.name for table in release.tables if table.rows == 0]
    if empty:
        yield f"Tables without rows: {', '.join(f'`{name}`' for name in empty)}.\n"
    for (reason,), rows in unknown.group_by(["reason"], maintain_order=True):
        columns = ", ".join(f"`{mart}.{column}`" for mart, column, _ in rows.rows())
        yield f"- {reason}: {columns}"
    if not empty and unknown.is_empty():
        yield "No table is empty, and no column is listed as unknown."


def _terms(release: Release) -> Iterator[str]:
    yield "## Licence and citation\n"
    yield f"Licence: {release.terms.licence}. Whose terms hold for what: `LICENCE.txt`.\n"
    yield f"Cite as: {release.terms.citation}"
    if release.terms.creators:
        yield f"\nBy {', '.join(release.terms.creators)}."


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

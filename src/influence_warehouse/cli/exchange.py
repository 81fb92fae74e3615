"""Verbs that bring studies in and give them away: import and export.

Does not belong here: reading and checking files (`imports`, `releases`).
"""

from pathlib import Path
from typing import Any

import click

from influence_warehouse.cli.shared import (
    MAX_GIGABYTES_OPTION,
    STUDY,
    example,
    opened,
    readable_errors,
)
from influence_warehouse.cli.verbs import Verb


@click.group("import")
def import_() -> None:
    """Take results of others as a study of its own."""


@import_.command("bin-scores", cls=Verb)
@click.argument("files", nargs=-1, required=True, metavar="BENCHMARK=FILE...")
@click.option("--study", required=True, help="Name of the study that is made.")
@click.option("--model", default="imported", show_default=True, help="Model that they explain.")
@click.option("--method", default="imported", show_default=True, help="What made the scores.")
@click.option("--contrast", "contrasts", multiple=True, help="NAME=A,B: z of A minus z of B.")
@click.option("--design", "designs", multiple=True, help="BENCHMARK=DOMAIN,CAPABILITY.")
@click.option("--source", default="not stated", help="Where the files are from.")
@click.option("--licence", default="not stated", help="Terms of the files' use.")
@click.option("--citation", default="not stated", help="Work to cite.")
@click.option(
    "--z-tolerance",
    default=1e-6,
    show_default=True,
    help="How far a file's zscore may lie from the z of its means.",
)
@readable_errors
@example(
    "influence import bin-scores socialiqa=a.csv mmlu_stem=b.csv --study published "
    "--contrast social_minus_stem=socialiqa,mmlu_stem"
)
def import_bin_scores(files: tuple[str, ...], study: str, **options: Any) -> None:
    """Make a study of CSV files with topic_label, format_label, mean_score, zscore, doc_count.

    Tables, charts and queries are those of a study that was run; what bin means cannot tell is
    empty, and `influence query unknowns` says why. Import again to change the study.
    """
    from influence_warehouse.exchange.imports.making import make_study
    from influence_warehouse.exchange.imports.study import bin_score_files

    contrasts, designs = options.pop("contrasts"), options.pop("designs")
    for line in make_study(bin_score_files(study, files, contrasts, designs, **options)):
        click.echo(line)


@import_.command("release", cls=Verb)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--study", required=True, help="Name of the study that is made.")
@MAX_GIGABYTES_OPTION
@readable_errors
@example("influence import release ~/downloads/demo-1.0 --study demo_released")
def import_release(folder: Path, study: str, max_gigabytes: float) -> None:
    """Make a study of a release: the same tables, once every file's checksum was found right.

    Its tables are published as they were released, not computed again.
    """
    from influence_warehouse.exchange.releases.read import import_release as read_release

    for line in read_release(folder, study, max_gigabytes):
        click.echo(line)


@import_.command("document-scores", cls=Verb)
@click.option(
    "--scores",
    multiple=True,
    required=True,
    metavar="[METHOD][:BENCHMARK=]FILE",
    help="Parquet, CSV or JSONL with a row per score; again for more.",
)
@click.option("--documents", required=True, type=click.Path(path_type=Path), help="Their labels.")
@click.option("--study", required=True, help="Name of the study that is made.")
@click.option("--map", "maps", multiple=True, help="OUR_COLUMN=THEIR_COLUMN.")
@click.option("--group", "groups", multiple=True, help="NAME=COLUMN of a label; once or twice.")
@click.option("--model", default="imported", show_default=True, help="Model that they explain.")
@click.option("--method", help="What made the scores, where no column says it.")
@click.option("--benchmark", help="What was attributed, where no column says it.")
@click.option(
    "--negate", "negated", multiple=True, metavar="METHOD", help="Turn the sign of its scores."
)
@click.option("--contrast", "contrasts", multiple=True, help="NAME=A,B: z of A minus z of B.")
@click.option("--design", "designs", multiple=True, help="BENCHMARK=DOMAIN,CAPABILITY.")
@click.option("--top-k", default=20, show_default=True, help="Documents that top_share counts.")
@click.option("--resamples", default=1000, show_default=True, help="Draws behind an interval.")
@click.option("--seed", default=0, show_default=True, help="Seeds the draws.")
@click.option("--source", default="not stated", help="Where the files are from.")
@click.option("--licence", default="not stated", help="Terms of the files' use.")
@click.option("--citation", default="not stated", help="Work to cite.")
@readable_errors
@example(
    "influence import document-scores --scores scores.parquet --documents documents.csv "
    "--study trak \\\n    --map doc_id=train_idx --map item_id=query_idx --map benchmark=task "
    "--method trak \\\n    --group domain=label\n"
    "  influence import document-scores --scores trak=a.parquet --scores less=b.parquet \\\n"
    "    --documents documents.csv --study both --group topic=topic --group language=lang"
)
def import_document_scores(scores: tuple[str, ...], study: str, **options: Any) -> None:
    """Make a study of document scores that another tool made, by any one or two labels.

    Scores: doc_id, score, benchmark, method, and item_id where there is a score for each query
    (then there are intervals); high where a document helps, or --negate METHOD. Documents:
    doc_id, their labels, and text, url, source if you have them. docs/import.md has the whole
    of it. Import again to change the study.
    """
    from influence_warehouse.exchange.imports.document_study import scored_documents
    from influence_warehouse.exchange.imports.making import make_study

    parts = [options.pop(name) for name in ("maps", "groups", "contrasts", "designs")]
    for line in make_study(scored_documents(study, scores, *parts, **options)):
        click.echo(line)


@click.command("export", cls=Verb)
@STUDY
@click.option("--to", required=True, type=click.Path(path_type=Path), help="Folder to make.")
@click.option("--licence", default="not stated", help="Terms of use of the tables.")
@click.option("--citation", default="not stated", help="Work to cite.")
@click.option("--creator", "creators", multiple=True, help="Who made the study; repeat it.")
@click.option("--url", help="Where the release will be found.")
@click.option("--release-version", "version", default="1.0.0", show_default=True)
@click.option("--no-text", "text", flag_value="none", help="Leave out excerpts of documents, too.")
@click.option("--with-text", "text", flag_value="full", help="Add sampled documents and items.")
@click.option("--replace", is_flag=True, help="Replace an earlier release in the same folder.")
@readable_errors
@example(
    'influence export demo --to demo-1.0 --licence "CC BY 4.0" --creator "A. Analyst"\n'
    "  (cd demo-1.0 && sha256sum -c SHA256SUMS)"
)
def export(study: str, to: Path, replace: bool, text: str | None, **terms: Any) -> None:
    """Write STUDY as a release: tables, manifests, provenance, dataset card, checksums.

    Full texts stay here unless --with-text is given; tables quote excerpts of 200 characters
    unless --no-text is.
    """
    from influence_warehouse.exchange.releases.export import export_release
    from influence_warehouse.exchange.releases.notes import Terms

    loaded, home = opened(study)
    told = Terms(text=text or "excerpts", **terms)
    for line in export_release(home, loaded, to, told, replace):
        click.echo(line)

"""`influence check`: reads what a study names, counts it, times it, and runs nothing.

Belongs here: opening inputs far enough to find them broken, and the findings as text. Does not
belong here: validation of the study file (`study`), and the estimates (`planning`).
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from influence_warehouse.attribution.methods.embeddings import vector_files
from influence_warehouse.attribution.vector_files import require_columns
from influence_warehouse.corpus.files import corpus_files
from influence_warehouse.corpus.readers import corpus_path
from influence_warehouse.errors import InputError
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.leftovers import scratch_folder
from influence_warehouse.models.loading import local_folder, model_source
from influence_warehouse.planning.left import shares_left
from influence_warehouse.planning.plan import Plan, plan, retraining_runs, unlearning_runs
from influence_warehouse.planning.workload import (
    Workload,
    gradient_cells,
    gradient_passes,
    state_cells,
    storing_cells,
    workload,
)
from influence_warehouse.study.methods import Embeddings, Source
from influence_warehouse.study.study import Study

_GRADIENT_PASSES = 2  # one to fit the preconditioner, one to score


def planned(study: Study, home: Home, with_probe: bool = True) -> Plan:
    """Count the study's inputs and, `with_probe`, time its steps on a few of them.

    Writes only to a temporary folder, beside the study's facts where there are some. Raises the
    library's errors for inputs that are broken. What cannot be timed is named in `missing`;
    nothing is downloaded.
    """
    require_inputs(study)
    with ExitStack() as stack:
        temporary = scratch_folder(home.work) if home.work.is_dir() else TemporaryDirectory()
        scratch = Home(Path(stack.enter_context(temporary)), study.name)
        for place in (scratch.lake, scratch.work, scratch.inputs, scratch.runs):
            place.mkdir(parents=True)
        if study.planted is not None:
            from influence_warehouse.lake.facts import Lake
            from influence_warehouse.pipeline.making import make_fact

            make_fact(study, Lake(scratch), "planted_documents")
        else:
            for model in study.models:
                model_source(study.narrowed(model.name), home)
        load = workload(study, home if study.planted is None else scratch, scratch)
        missing = "--no-probe" if not with_probe else _not_here(study, home, load)
        rates = None
        if missing is None:
            from influence_warehouse.planning.probe import probe

            rates = probe(study, load, scratch)
        return plan(study, load, rates, missing, shares_left(study, home))


def require_inputs(study: Study) -> None:
    """Raise InputError that names every file of the study that is not there, or for a file of
    vectors that has not the columns that the study names."""
    named = {"corpus.path": study.corpus.path}
    named |= {f"models.{each.name}.path": each.path for each in study.models}
    named |= {f"benchmarks.{each.name}.path": each.path for each in study.benchmarks}
    methods = [method for method in study.attribution.methods if isinstance(method, Embeddings)]
    vectors = [source for method in methods for source in vector_files(method)]
    named |= {f"{source.field}.path": source.path for source in vectors}
    named |= {
        f"attribution.methods.{method.name}.checkpoints.path": method.checkpoints.path
        for method in study.attribution.methods
        if isinstance(method, Source) and method.checkpoints is not None
    }
    missing = [f"{path} ({field})" for field, path in named.items() if path and not path.exists()]
    if missing:
        raise InputError(
            f"{study.name}: no such file or folder:\n  "
            + "\n  ".join(missing)
            + "\nRemedy: correct these fields of the study, or make the files."
        )
    for source in vectors:
        require_columns(source)


def _not_here(study: Study, home: Home, load: Workload) -> str | None:
    """Why nothing can be timed: what is on the hub and not on this machine."""
    for model in study.models if study.planted is None else ():
        if model.hub is None:
            continue
        try:
            source = model_source(study.narrowed(model.name), home)
            local_folder(source, model, may_download=False)
        except InputError:
            return f"the model {model.hub}@{model.revision} is not on this machine"
    if load.items is None:
        return "benchmarks of the hub are not read by a check"
    if not load.texts:
        return f"the corpus {study.corpus.hub and study.corpus.hub.dataset} is not on this machine"
    return None


def findings(study: Study, home: Home, found: Plan) -> Iterator[tuple[str, str]]:
    """Name and value of each line that `influence check` prints."""
    load = found.load
    yield "study", study.name
    yield "home", str(home.path)
    if home.facts_url:
        yield "facts", home.facts_url
    for model in study.models:
        yield f"model {model.name}", _model(study.narrowed(model.name), home)
    methods = ", ".join(method.name for method in study.attribution.methods)
    yield "methods", methods
    yield "corpus", _corpus(study, home)
    yield "documents", _documents(load)
    unknown = sum(b.hub is not None and b.max_items is None for b in study.benchmarks)
    more = f", and all items of {unknown} hub datasets" if unknown else ""
    yield "benchmarks", f"{len(study.benchmarks)} with {load.n_items:,} items{more}"
    yield from _sizes(study, found)
    yield from _times(study, found)


def _model(study: Study, home: Home) -> str:
    if study.planted is not None:
        return "made by the run"
    source = model_source(study, home)
    return f"{source.location} ({source.digest}, {study.model.dtype}, {study.model.attention})"


def _corpus(study: Study, home: Home) -> str:
    if study.planted is not None:
        return f"{study.planted.documents:,} documents, made by the run"
    path = corpus_path(study, home)
    if path is None:
        return f"{study.corpus.hub} (hub; read when the study runs)"
    files = corpus_files(path)
    size = sum(file.stat().st_size for file in files.read)
    rest = f"; {files.in_words()}" if files.left_out else ""
    return f"{path} ({len(files.read)} file(s), {_bytes(size)}){rest}"


def _documents(load: Workload) -> str:
    kind = "at most " if load.is_bound else "" if load.share_read == 1 else "about "
    text = f"{kind}{load.sampled:,} sampled of {kind}{load.documents:,}, {_bytes(load.text_bytes)}"
    read = f"; counted on {load.share_read:.0%} of the rows" if 0 < load.share_read < 1 else ""
    return f"{text} of text, {load.bins} bins{read}"


def _sizes(study: Study, found: Plan) -> Iterator[tuple[str, str]]:
    load, rates = found.load, found.rates
    longest = study.model.max_tokens
    tokens, kind = (rates.tokens_document, "") if rates else (longest, "at most ")
    passes, reads = len(gradient_cells(study)), len(state_cells(study))
    gradients = len(study.models) * load.fitted + gradient_passes(study) * load.sampled
    if passes or reads:
        in_all = f"{kind}{tokens * load.sampled:,.0f} in one pass"
        yield "tokens", f"{kind}{tokens:,.0f} a document, {in_all}"
    if reads:
        states = len(study.models) * load.averaged + reads * load.sampled
        of_queries = f"{reads * load.n_items:,} queries"
        yield "hidden states", f"of {states:,} documents (mean {load.averaged:,}), {of_queries}"
    if passes:
        queries = f"{_GRADIENT_PASSES} over {load.n_items:,} queries"
        yield "gradients", f"of {gradients:,} documents (fit {load.fitted:,}), {queries}"
    if rates is not None and passes:
        each, all_ = rates.gradient_bytes, rates.gradient_bytes * load.sampled
        stored = "stored" if storing_cells(study) else "were they stored"
        yield "projected gradient", f"{_bytes(each)} a document; {_bytes(all_)} {stored}"
        yield "preconditioner", _bytes(rates.preconditioner_bytes)
    if found.memory_bytes is not None:
        kind = "about" if rates is None or rates.fills_batch else "at least"
        yield "memory", f"{kind} {_bytes(found.memory_bytes)} at the peak of one process"
    for name, size in found.disk.items():
        yield f"disk: {name}", _bytes(size)
    unknown = "" if rates else ", and the work folder, which only a probe can tell"
    yield "disk", f"about {_bytes(sum(found.disk.values()))}{unknown}"


def _times(study: Study, found: Plan) -> Iterator[tuple[str, str]]:
    if study.unlearning is not None:
        runs = unlearning_runs(study, study.unlearning)
        steps = study.unlearning.stops.steps
        count = "as many as the SQL's regions ask for" if runs is None else f"{runs} at most"
        yield "unlearning runs", f"{count}, of {steps} steps at most"
    if study.retraining is not None:
        trainings = retraining_runs(study, study.retraining, found.load.bins)
        more = ", and one a region that the SQL chooses" if study.retraining.sql else ""
        yield "retraining runs", f"{trainings} at most{more}"
    if found.rates is None:
        yield "time", f"not estimated: {found.missing}"
        return
    unit = found.rates.unit
    for stage in found.stages:
        basis = "" if stage.is_measured else ", a rule of thumb"
        left = "" if stage.left == 1 else f"; {stage.left:.0%} left"
        yield f"time: {stage.stage}", f"{stage.seconds:,.0f} {unit} ({stage.work}{basis}){left}"
    yield "time", f"about {_duration(found.seconds)} ({found.seconds:,.0f} {unit}, one thread)"
    if any(stage.left < 1 for stage in found.stages):
        left_seconds = f"{found.seconds_left:,.0f} {unit}"
        yield "time: left", f"about {_duration(found.seconds_left)} ({left_seconds}) of that"
    yield "probe", f"{found.rates.probe_seconds:.0f} seconds on this machine"


def _bytes(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"

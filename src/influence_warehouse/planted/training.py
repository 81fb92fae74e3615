"""Trains the demo's small OLMo 3 on the planted documents, into the study's model folder.

Belongs here: tokenizer, architecture, which documents in which batches, and the model card. Does
not belong here: the texts (`world`), the training loop (`models.training`), doing it again
(`replay`), and measuring what the model knows (the benchmarks stage).
"""

import json
import random
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from influence_warehouse.errors import FactError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint, digest_of_file
from influence_warehouse.lake.folders import replaced_folder
from influence_warehouse.models.loading import Encoded, device, hide_bars
from influence_warehouse.models.training import Course, Recipe, train
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.planted.world import planted_section
from influence_warehouse.study.study import Study

if TYPE_CHECKING:
    from transformers import Olmo3ForCausalLM, PreTrainedTokenizerBase, PreTrainedTokenizerFast

RECORD = "planted_model.json"
END = "<|endoftext|>"
PAD = "<|pad|>"
ARCHITECTURE: dict[str, Any] = {
    "vocab_size": 2048,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 4096,
    # OLMo 3's pattern: three layers with a window, then one that sees everything.
    "sliding_window": 64,
    "layer_types": ["sliding_attention"] * 3 + ["full_attention"],
    "initializer_range": 0.08,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
}
# OLMo 3 normalizes each block's output: embeddings of the usual 0.02 would be drowned by the
# first block, and facts are then learned several times more slowly.
EMBEDDING_SCALE = 0.1
BATCH_DOCUMENTS = 8
MAX_TOKENS = 256
RECIPE = Recipe(learning_rate=5e-3, warmup_share=0.05, weight_decay=0.05)


def identity_of_planted_model(study: Study, lake: Lake) -> dict[str, Any]:
    """What the model is made from. Raises FactError when the documents are missing."""
    documents = lake.home.inputs / "documents.parquet"
    if not documents.is_file():
        raise FactError(f"{documents}: missing. Remedy: `influence run` the study; it makes it.")
    return {
        "seed": study.seed,
        "documents": digest_of_file(documents),
        "architecture": ARCHITECTURE,
        "training": [
            EMBEDDING_SCALE,
            BATCH_DOCUMENTS,
            MAX_TOKENS,
            RECIPE.learning_rate,
            RECIPE.warmup_share,
            RECIPE.weight_decay,
        ],
        "epochs": planted_section(study).epochs,
    }


def is_planted_model_made(lake: Lake, fingerprint: Fingerprint) -> bool:
    """Whether the model's folder, which is whole or absent, is of this fingerprint."""
    try:
        record = json.loads((lake.home.model / RECORD).read_text(encoding="utf-8"))
        return record["digest"] == fingerprint.digest
    except (OSError, ValueError, KeyError, TypeError):
        return False


def make_planted_model(task: Task) -> list[Made]:
    """Train the model into the study's model folder, and note what replays the training.

    Rows: the texts it is trained on. Details: `parameters`, `tokens` (per epoch), `steps`, `loss`
    (mean over the last epoch, nats per token) and `digest`. The folder appears whole or not at all
    and holds nothing that differs between equal runs (no times). Raises WarehouseError when the
    disk refuses.
    """
    study, home = task.study, task.lake.home
    documents = read_trained_documents(home.inputs)
    tokenizer = train_tokenizer(documents["text"].to_list())
    course = draw_course(documents, tokenizer, study.seed, planted_section(study).epochs)
    model = fresh_model(tokenizer, study.seed)
    trained = train(model, course, label="training the demo's model")
    last_epoch = trained.losses[-(len(course.batches) // planted_section(study).epochs) :]
    record = {
        "digest": task.fingerprints["planted_model"].digest,
        "documents": len(documents),
        "parameters": model.num_parameters(),
        "tokens": sum(len(each["input_ids"]) for each in course.documents),
        "steps": len(course.batches),
        "loss": round(last_epoch.mean().item(), 4),
    }
    _save(model.cpu(), tokenizer, home.model, record)
    batches = batches_frame(study.model.name, course)
    return [
        Made("planted_model", len(documents), record),
        Made("training_batches", batches, {"steps": len(course.batches)}),
    ]


def batches_frame(model: str, course: Course) -> pl.DataFrame:
    """Rows of `training_batches`."""
    rows = [
        (model, step, place, course.doc_ids[n], len(course.documents[n]["input_ids"]))
        for step, batch in enumerate(course.batches)
        for place, n in enumerate(batch)
    ]
    return pl.DataFrame(rows, schema=CONTRACTS["training_batches"].columns, orient="row")


def read_trained_documents(inputs: Path) -> pl.DataFrame:
    """doc_id and text of what is trained on, by id: each text once, and none that is empty.

    Of equal texts it is the smallest id, which is also the one that the corpus stage keeps.
    """
    documents = pl.read_parquet(inputs / "documents.parquet", columns=["doc_id", "text"])
    first = documents.sort("doc_id").unique("text", keep="first", maintain_order=True)
    return first.filter(pl.col("text") != "")


def train_tokenizer(texts: list[str]) -> "PreTrainedTokenizerFast":
    """Byte-level BPE of the architecture's vocabulary size; it adds no special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=ARCHITECTURE["vocab_size"],
        special_tokens=[END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        model_max_length=ARCHITECTURE["max_position_embeddings"],
    )


def encode(texts: list[str], tokenizer: "PreTrainedTokenizerBase") -> list[Encoded]:
    """Token ids of each text, cut at MAX_TOKENS, its end among them; every token has a loss."""
    encoded = [tokenizer(text)["input_ids"][: MAX_TOKENS - 1] for text in texts]
    ended = [[*ids, tokenizer.eos_token_id] for ids in encoded]
    return [Encoded(input_ids=ids, labels=list(ids)) for ids in ended]


def fresh_model(tokenizer: "PreTrainedTokenizerBase", seed: int) -> "Olmo3ForCausalLM":
    """An untrained model in float32, on CUDA where there is one, else on the CPU.

    The caller's random state is left as it was.
    """
    import torch
    from transformers import Olmo3Config, Olmo3ForCausalLM

    config = Olmo3Config(
        **deepcopy(ARCHITECTURE),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        use_cache=False,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Olmo3ForCausalLM(config)
        torch.nn.init.normal_(model.model.embed_tokens.weight, std=EMBEDDING_SCALE)
    torch.nn.Module.to(model, device())
    return model


def draw_course(
    documents: pl.DataFrame, tokenizer: "PreTrainedTokenizerBase", seed: int, epochs: int
) -> Course:
    """Every document (doc_id, text) once an epoch, in batches that `seed` draws."""
    encoded = encode(documents["text"].to_list(), tokenizer)
    lengths = [len(each["input_ids"]) for each in encoded]
    rng = random.Random(seed)
    batches = [batch for _ in range(epochs) for batch in _batches(lengths, rng)]
    return Course(documents["doc_id"].to_list(), encoded, batches, RECIPE, tokenizer.pad_token_id)


def _batches(lengths: list[int], rng: random.Random) -> list[list[int]]:
    """Documents of like length together, so that little is padding; batches in random order."""
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i] // 8, rng.random()))
    batches = [order[i : i + BATCH_DOCUMENTS] for i in range(0, len(order), BATCH_DOCUMENTS)]
    rng.shuffle(batches)
    return batches


def _save(
    model: "Olmo3ForCausalLM",
    tokenizer: "PreTrainedTokenizerFast",
    folder: Path,
    record: dict[str, Any],
) -> None:
    """Write the model folder whole, in place of an earlier one."""
    hide_bars()
    remedy = "free disk space or choose a writable folder with --warehouse DIR."
    with replaced_folder(folder, "the trained model", remedy) as part:
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        (part / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        (part / "README.md").write_text(_card(record), encoding="utf-8")


def _card(record: dict[str, Any]) -> str:
    return f"""# Planted demo model

A {record["parameters"]:,}-parameter model of the OLMo 3 architecture, trained from scratch on
the generated documents of the demo study ({record["tokens"]:,} tokens an epoch,
{record["steps"]} steps, loss of the last epoch {record["loss"]} nats per token). It knows the
invented facts of that world and nothing else: use it to check attribution, not to write.

Made by `influence run demo`; fingerprint {record["digest"]}.
"""

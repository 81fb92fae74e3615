"""Trains the demo's small OLMo 3 on the planted documents, into the study's model folder.

Belongs here: tokenizer, architecture, the training loop and the model card. Does not belong
here: the texts (`world`), and measuring what the model knows (the benchmarks stage).
"""

import json
import random
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from influence_warehouse.errors import FactError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint, digest_of_file
from influence_warehouse.lake.folders import replaced_folder
from influence_warehouse.models.loading import device, hide_bars
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.planted.world import planted_section
from influence_warehouse.progress import counted
from influence_warehouse.study.study import Study

if TYPE_CHECKING:
    import torch
    from transformers import Olmo3ForCausalLM, PreTrainedTokenizerFast

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
LEARNING_RATE = 5e-3
WARMUP_SHARE = 0.05
WEIGHT_DECAY = 0.05
MASKED = -100


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
            LEARNING_RATE,
            WARMUP_SHARE,
            WEIGHT_DECAY,
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
    """Train the model into the study's model folder. Rows: the texts it is trained on.

    Details: `parameters`, `tokens` (per epoch), `steps`, `loss` (mean over the last epoch, nats
    per token) and `digest`. The folder appears whole or not at all and holds nothing that differs
    between equal runs (no times). Raises WarehouseError when the disk refuses.
    """
    study, home = task.study, task.lake.home
    texts = _texts(home.inputs / "documents.parquet")
    tokenizer = train_tokenizer(texts)
    model, measured = train(texts, tokenizer, study.seed, planted_section(study).epochs)
    record = {"digest": task.fingerprints["planted_model"].digest, "documents": len(texts)}
    _save(model, tokenizer, home.model, record | measured)
    return [Made("planted_model", len(texts), record | measured)]


def _texts(path: Path) -> list[str]:
    column = pl.read_parquet(path, columns=["doc_id", "text"]).sort("doc_id")["text"]
    return [text for text in column.unique(maintain_order=True) if text]


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


def train(
    texts: list[str], tokenizer: "PreTrainedTokenizerFast", seed: int, epochs: int
) -> tuple["Olmo3ForCausalLM", dict[str, Any]]:
    """A model trained from scratch in float32 on every text once per epoch.

    Returns the model and `parameters`, `tokens`, `steps`, `loss`. The caller's random state is
    left as it was. On CUDA where there is one, else on the CPU.
    """
    import torch

    encoded = [tokenizer(text)["input_ids"][: MAX_TOKENS - 1] for text in texts]
    encoded = [[*ids, tokenizer.eos_token_id] for ids in encoded]
    # One thread: matrices this small gain nothing from two, and sums in another order would
    # make another model on a machine of more cores.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = _fresh_model(tokenizer).train()
    where = device()
    torch.nn.Module.to(model, where)
    rng = random.Random(seed)
    plan = [(epoch, batch) for epoch in range(epochs) for batch in _batches(encoded, rng)]
    optimizer, schedule = _optimizer(model, len(plan))
    losses = []
    for epoch, batch in counted(plan, "training the demo's model", "steps"):
        inputs, labels = _tensors([encoded[i] for i in batch], tokenizer.pad_token_id)
        loss = model(input_ids=inputs.to(where), labels=labels.to(where)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        if epoch == epochs - 1:
            losses.append(loss.detach())
    torch.set_num_threads(threads)
    return model.cpu().eval(), {
        "parameters": model.num_parameters(),
        "tokens": sum(map(len, encoded)),
        "steps": len(plan),
        "loss": round(torch.stack(losses).mean().item(), 4),
    }


def _fresh_model(tokenizer: "PreTrainedTokenizerFast") -> "Olmo3ForCausalLM":
    import torch
    from transformers import Olmo3Config, Olmo3ForCausalLM

    config = Olmo3Config(
        **deepcopy(ARCHITECTURE),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        use_cache=False,
    )
    model = Olmo3ForCausalLM(config)
    torch.nn.init.normal_(model.model.embed_tokens.weight, std=EMBEDDING_SCALE)
    return model


def _batches(encoded: list[list[int]], rng: random.Random) -> list[list[int]]:
    """Documents of like length together, so that little is padding; batches in random order."""
    order = sorted(range(len(encoded)), key=lambda i: (len(encoded[i]) // 8, rng.random()))
    batches = [order[i : i + BATCH_DOCUMENTS] for i in range(0, len(order), BATCH_DOCUMENTS)]
    rng.shuffle(batches)
    return batches


def _tensors(batch: list[list[int]], pad: int) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Right-padded ids and labels, int64 [documents, tokens]; padding is masked in the labels.

    No attention mask is needed: with causal attention no token sees the padding to its right.
    """
    import torch

    width = max(map(len, batch))
    inputs = torch.tensor([ids + [pad] * (width - len(ids)) for ids in batch])
    labels = torch.tensor([ids + [MASKED] * (width - len(ids)) for ids in batch])
    return inputs, labels


def _optimizer(
    model: "Olmo3ForCausalLM", steps: int
) -> tuple["torch.optim.Optimizer", "torch.optim.lr_scheduler.LRScheduler"]:
    """AdamW with a linear warm-up and a cosine decay to zero."""
    import torch
    from transformers import get_cosine_schedule_with_warmup

    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, betas=(0.9, 0.95)
    )
    return optimizer, get_cosine_schedule_with_warmup(optimizer, int(WARMUP_SHARE * steps), steps)


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

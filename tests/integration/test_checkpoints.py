"""A checkpoint is the whole model of its configuration, or is refused: nothing is random."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from influence_warehouse.benchmarks.queries import encode_queries, require_splits
from influence_warehouse.benchmarks.scoring import score_items
from influence_warehouse.errors import InputError
from influence_warehouse.lake.layout import Home
from influence_warehouse.models.loading import load_model, load_tokenizer, require_whole_model
from influence_warehouse.study.study import Study
from tests.tiny_model import write_tiny_model
from tests.unit.test_study import content


@pytest.fixture
def folder(tiny_model, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def study_of(folder: Path, **model) -> Study:
    return Study.model_validate(content(models=[{"path": str(folder), **model}]))


def load(folder: Path):
    home, study = Home(folder.parent, "small"), study_of(folder)
    return load_model(study, home), load_tokenizer(study, home)


def changed_weights(folder: Path, change) -> None:
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})


def without(weights: dict, name: str) -> dict:
    return {key: value for key, value in weights.items() if key != name}


LAST = "model.layers.1.mlp.up_proj.weight"
DAMAGES = {
    "compiled": (
        lambda weights: {f"_orig_mod.{name}": value for name, value in weights.items()},
        r"25 of 25 parameters.*_orig_mod\..*save the module inside it",
    ),
    "one missing": (lambda weights: without(weights, LAST), rf"1 of 25 .*{LAST}: missing"),
    "one renamed": (
        lambda weights: without(weights, LAST) | {"model.layers.1.mlp.upp.weight": weights[LAST]},
        rf"{LAST}: missing.*others instead, as model\.layers\.1\.mlp\.upp",
    ),
    "one misshapen": (
        lambda weights: weights | {LAST: weights[LAST][:-1].clone()},
        rf"{LAST}: \[63, 32\] in the file, \[64, 32\] in the architecture",
    ),
    "no head": (lambda weights: without(weights, "lm_head.weight"), r"lm_head\.weight: missing"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_not_the_architectures_is_refused_before_anything_is_loaded(folder, name):
    change, said = DAMAGES[name]
    changed_weights(folder, change)
    for use in (load_model, load_tokenizer, require_whole_model):
        with pytest.raises(InputError, match=rf"(?s){said}"):
            use(study_of(folder), Home(folder.parent, "small"))


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 1234\n"


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        (lambda whole: POINTER, "model.safetensors: is a pointer of Git LFS"),
        (lambda whole: whole[:-100], "model.safetensors: cannot be read as safetensors"),
        (lambda whole: whole[:300], "model.safetensors: cannot be read as safetensors"),
        (lambda whole: b"", "model.safetensors: cannot be read as safetensors"),
    ],
)
def test_files_that_are_not_whole_are_told(folder, cut, said):
    file = folder / "model.safetensors"
    file.write_bytes(cut(file.read_bytes()))
    with pytest.raises(InputError, match=said):
        load(folder)


def test_a_sharded_checkpoint_is_whole_or_names_the_lost_file(folder, tmp_path):
    model, tokenizer = load(folder)
    sharded = tmp_path / "sharded"
    model.save_pretrained(sharded, max_shard_size="40KB")
    tokenizer.save_pretrained(sharded)
    assert load(sharded)[0].num_parameters() == model.num_parameters()
    files = sorted(sharded.glob("*.safetensors"))
    assert len(files) > 2
    files[1].unlink()
    with pytest.raises(InputError, match=rf"{files[1].name} are missing"):
        load(sharded)


def test_tied_parameters_may_be_absent(tmp_path):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    folder = write_tiny_model(tmp_path / "tied")
    rows = json.loads((folder / "config.json").read_text())["vocab_size"]
    (folder / "model.safetensors").unlink()
    config = GPT2Config(vocab_size=rows, n_embd=16, n_layer=1, n_head=2, n_positions=64)
    with torch.random.fork_rng(devices=[]):
        GPT2LMHeadModel(config).save_pretrained(folder)
    assert load(folder)[0].num_parameters() > 0
    # A checkpoint of the model without its head lacks the prefix, too.
    changed_weights(
        folder, lambda w: {name.removeprefix("transformer."): value for name, value in w.items()}
    )
    assert load(folder)[0].num_parameters() > 0


def test_a_configuration_that_is_none_is_told(folder):
    (folder / "config.json").write_text('{"model_type": "olmo3", "hidden_size": "many"}')
    with pytest.raises(InputError, match=r"config\.json"):
        load(folder)


def test_a_token_beyond_the_embedding_is_named(folder):
    tokenizer = load(folder)[1]
    tokenizer.add_tokens(["<extra>"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(InputError, match=r"'<extra>' has id \d+.*embedding has \d+ rows"):
        load(folder)


def test_a_tokenizer_without_ends_is_told(folder):
    for name in ("tokenizer_config.json", "config.json"):
        told = json.loads((folder / name).read_text())
        for token in ("bos", "eos", "pad", "unk"):
            told.pop(f"{token}_token", None)
            told[f"{token}_token_id"] = None
        (folder / name).write_text(json.dumps(told))
    (folder / "special_tokens_map.json").unlink(missing_ok=True)
    with pytest.raises(InputError, match=r"no token that begins or ends a text.*eos_token"):
        load(folder)


ITEMS = pl.DataFrame(
    {
        "benchmark": ["b"],
        "item_id": ["i0"],
        "prompt": ["Question: who helps the king?\nAnswer:"],
        "choices": [["the friend", "the river"]],
        "answer_index": [0],
    },
    schema_overrides={"answer_index": pl.Int32},
)


def test_a_tokenizer_that_appends_an_end_is_refused_by_queries_and_by_scoring(folder):
    """The loss would be on `</s>` alone, and every choice scored by it."""
    from tokenizers.processors import TemplateProcessing

    model, tokenizer = load(folder)
    assert len(encode_queries(ITEMS, tokenizer, 64)) == 1
    require_splits(ITEMS, tokenizer)
    ends = [("<s>", tokenizer.bos_token_id), ("</s>", tokenizer.eos_token_id)]
    template = TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    tokenizer.backend_tokenizer.post_processor = template
    said = r"item b/i0, answer 'the friend': the prompt's tokens do not begin.*add_eos_token"
    with pytest.raises(InputError, match=said):
        encode_queries(ITEMS, tokenizer, 64)
    with pytest.raises(InputError, match=said):
        score_items(model, tokenizer, ITEMS, {"b": "acc"}, "base")


def test_a_choice_of_no_token_of_its_own_is_refused(folder):
    tokenizer = load(folder)[1]
    joined = ITEMS.with_columns(choices=pl.lit(["the friend", " "], pl.List(pl.String)))
    with pytest.raises(InputError, match="answer ' '"):
        require_splits(joined, tokenizer)

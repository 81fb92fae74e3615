"""The tiny model trained for a few steps on the scoring lake's documents, with its checkpoints.

Belongs here: the folder that a study names as a method's `checkpoints.path`. Does not belong
here: assertions.
"""

from pathlib import Path

from influence_warehouse.models.encoding import encode_documents
from influence_warehouse.models.training import Course, Recipe, learning_rates, train
from influence_warehouse.models.training_states import write_checkpoint, write_rates
from tests.scoring_lake import write_scoring_lake

RECIPE = Recipe(0.01, warmup_share=0.2)
STEPS = 8


def write_recorded_training(folder: Path, start: Path, steps: int = STEPS) -> Path:
    """`folder` with a checkpoint after every second step from the model in `start`."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(start)
    model = AutoModelForCausalLM.from_pretrained(start)
    documents = write_scoring_lake(folder / "lake", n_documents=30).read("documents")
    rows = encode_documents(documents, tokenizer, 64)
    batches = [[(4 * step + n) % len(rows) for n in range(4)] for step in range(steps)]
    course = Course(documents["doc_id"].to_list(), rows, batches, RECIPE, tokenizer.pad_token_id)

    def keep(step, model, optimizer) -> None:
        if step % 2 == 0:
            write_checkpoint(folder, step, tokenizer, model, optimizer)

    train(model, course, after_step=keep)
    write_rates(folder, learning_rates(RECIPE, steps))
    return folder

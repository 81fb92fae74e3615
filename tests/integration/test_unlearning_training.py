"""Runs on the tiny model: determinism, stops, probes, and resuming after a real SIGKILL."""

import copy
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from influence_warehouse.errors import HealthError, StudyError
from influence_warehouse.unlearning import training
from influence_warehouse.unlearning.stops import WHOLE
from influence_warehouse.unlearning.training import (
    RunData,
    UnlearningTrainer,
    last_whole_checkpoint,
    train,
    with_adapter,
)
from tests.unlearning_world import gradient_of, run_data, settings_of

DATA = run_data()


def adapted(folder: Path, settings, seed: int = 1):
    return with_adapter(AutoModelForCausalLM.from_pretrained(folder).eval(), settings.lora, seed)


def weights(model) -> dict[str, torch.Tensor]:
    return {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}


def run(folder: Path, work: Path, settings, seed: int = 1):
    """Weights after a run, and what it measured without the clock."""
    model = adapted(folder, settings, seed)
    trained = train(model, DATA, settings, seed, work)
    return weights(model), trained


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name].cpu(), b[name].cpu()) for name in a)


def without_clock(trained) -> list[dict[str, float]]:
    return [{k: v for k, v in entry.items() if k != "seconds"} for entry in trained.measured]


@pytest.mark.parametrize("objective", ["ngdiff", "graddiff", "npo"])
def test_a_run_raises_forget_loss_above_retain_loss_and_keeps_the_base(
    tiny_model, tmp_path, objective
):
    settings = settings_of(objectives=[objective], stops={"steps": 8})
    before = AutoModelForCausalLM.from_pretrained(tiny_model).state_dict()
    model = adapted(tiny_model, settings)
    trained = train(model, DATA, settings, 1, tmp_path)
    first, last = trained.measured[0], trained.measured[-1]
    assert [entry["step"] for entry in trained.measured] == [0, 2, 4, 6, 8]
    assert trained.stop_reason == "step_limit"
    risen = last["forget_loss"] - first["forget_loss"]
    assert risen > 0.1
    assert risen > 3 * abs(last["retain_loss"] - first["retain_loss"])
    after = model.unload().state_dict()
    assert same(dict(before), dict(after))


def test_a_bfloat16_model_gets_a_float32_adapter_that_learns(tiny_model, tmp_path):
    settings = settings_of(learning_rate="auto", auto_initial_rate=0.005, stops={"steps": 6})
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.bfloat16).eval()
    model = with_adapter(base, settings.lora, 1)
    trained = train(model, DATA, settings, 1, tmp_path)
    assert {weight.dtype for weight in weights(model).values()} == {torch.float32}
    assert trained.measured[-1]["forget_loss"] > trained.measured[0]["forget_loss"] + 0.05


def test_the_seed_decides_everything(tiny_model, tmp_path):
    settings = settings_of()
    first, measured = run(tiny_model, tmp_path / "a", settings)
    torch.manual_seed(99)
    again, remeasured = run(tiny_model, tmp_path / "b", settings)
    other, _ = run(tiny_model, tmp_path / "c", settings, seed=2)
    assert same(first, again)
    assert without_clock(measured) == without_clock(remeasured)
    assert not same(first, other)


def test_accumulation_changes_nothing_but_rounding(tiny_model, tmp_path):
    whole, _ = run(tiny_model, tmp_path / "a", settings_of())
    split, _ = run(tiny_model, tmp_path / "b", settings_of(gradient_accumulation=4))
    for name, weight in whole.items():
        # Adam divides by the root of a tiny second moment: rounding grows, formulas do not.
        torch.testing.assert_close(split[name], weight, rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("stops", "reason", "steps"),
    [
        ({"steps": 3}, "step_limit", 3),
        ({"steps": 40, "max_forget_perplexity": 260.0}, "forget_perplexity", None),
        ({"steps": 40, "max_seconds": 1e-9}, "wall_time", 1),
    ],
)
def test_each_stop_is_recorded(tiny_model, tmp_path, stops, reason, steps):
    _, trained = run(tiny_model, tmp_path, settings_of(stops=stops))
    assert trained.stop_reason == reason
    last = trained.measured[-1]
    assert steps is None or last["step"] == steps
    if reason == "forget_perplexity":
        assert torch.tensor(last["forget_loss"]).exp() > 260
        assert torch.tensor(trained.measured[-2]["forget_loss"]).exp() <= 260
        assert last["step"] < 40


def test_a_loss_of_utility_stops_a_run_that_destroys_the_model(tiny_model, tmp_path):
    # What is forgotten is also what utility is measured on.
    data = RunData(DATA.forget, DATA.retain, DATA.forget, DATA.pad)
    settings = settings_of(stops={"steps": 60})
    trained = train(adapted(tiny_model, settings), data, settings, 1, tmp_path)
    assert trained.stop_reason == "utility_floor"
    floor = 0.9 * trained.measured[0]["utility"]
    assert trained.measured[-1]["utility"] < floor
    assert all(entry["utility"] >= floor for entry in trained.measured[:-1])


def test_losses_that_are_not_finite_are_an_error(tiny_model, tmp_path):
    settings = settings_of()
    model = adapted(tiny_model, settings)
    with torch.no_grad():
        next(p for p in model.parameters() if p.requires_grad).fill_(float("nan"))
    with pytest.raises(HealthError, match=r"step 0.*Remedy"):
        train(model, DATA, settings, 1, tmp_path)


def test_target_modules_that_the_model_lacks_are_an_error(tiny_model):
    settings = settings_of(lora={"target_modules": ["c_attn"]})
    with pytest.raises(StudyError, match="target_modules"):
        adapted(tiny_model, settings)


def test_probing_the_rate_leaves_moments_weights_and_gradients(tiny_model, tmp_path, monkeypatch):
    """Compared bit by bit around every probe of a real run."""
    probes = []
    inner = training.fitted_rate
    trainers: list[UnlearningTrainer] = []
    start = UnlearningTrainer._set_rate

    def watched(loss_at, parameters, step, rate):
        optimizer = getattr(trainers[-1].optimizer, "optimizer")  # noqa: B009
        state = copy.deepcopy(optimizer.state_dict()["state"])
        values = [p.detach().clone() for p in parameters]
        gradients = [gradient_of(p).clone() for p in parameters]
        found = inner(loss_at, parameters, step, rate)
        now = optimizer.state_dict()["state"]
        assert now.keys() == state.keys()
        for index, moments in state.items():
            assert all(torch.equal(now[index][name], moments[name]) for name in moments)
        assert all(torch.equal(p, v) for p, v in zip(parameters, values, strict=True))
        assert all(
            torch.equal(gradient_of(p), g) for p, g in zip(parameters, gradients, strict=True)
        )
        probes.append((len(state), found))
        return found

    def remember(self):
        trainers.append(self)
        start(self)

    monkeypatch.setattr(training, "fitted_rate", watched)
    monkeypatch.setattr(UnlearningTrainer, "_set_rate", remember)
    settings = settings_of(learning_rate="auto", auto_every=2, auto_initial_rate=0.004)
    _, trained = run(tiny_model, tmp_path, settings)
    assert len(probes) == 2
    assert probes[0][0] == 0  # before the first step there are no moments
    assert probes[1][0] > 0
    assert trained.measured[-1]["learning_rate"] != trained.measured[0]["learning_rate"]


RESUMED = {
    "learning_rate": "auto",
    "auto_every": 4,
    "checkpoint_every": 3,
    "gradient_accumulation": 2,
    "stops": {"steps": 10},
}


def kill_when(moment: str, step: int) -> None:
    """Make this process kill itself with SIGKILL at a moment of a given step."""

    def killing(method):
        def replaced(self, *args, **kwargs):
            if self.state.global_step == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(self, *args, **kwargs)

        return replaced

    setattr(UnlearningTrainer, moment, killing(getattr(UnlearningTrainer, moment)))


def _train_and_die(folder: Path, work: Path, settings, moment: str, step: int) -> None:
    kill_when(moment, step)
    run(folder, work, settings)


def exit_of_a_child(*arguments) -> int | None:
    """Exit code of a process that trains until it kills itself."""
    # A fork starts at once, but cannot use a GPU that its parent uses.
    context = multiprocessing.get_context("spawn" if torch.cuda.is_available() else "fork")
    child = context.Process(target=_train_and_die, args=arguments)
    child.start()
    child.join()
    return child.exitcode


@pytest.mark.parametrize(
    ("moment", "step", "resumes_at"),
    [
        ("training_step", 1, None),  # before any checkpoint
        ("training_step", 8, 6),  # between two
        ("_save_optimizer_and_scheduler", 6, 3),  # while one is written
        ("_save_optimizer_and_scheduler", 3, None),  # while the first is written
    ],
)
def test_a_killed_run_ends_like_an_unbroken_one(tiny_model, tmp_path, moment, step, resumes_at):
    settings = settings_of(**RESUMED)
    unbroken, measured = run(tiny_model, tmp_path / "unbroken", settings)
    work = tmp_path / "killed"
    assert exit_of_a_child(tiny_model, work, settings, moment, step) == -signal.SIGKILL
    checkpoint = last_whole_checkpoint(work)
    assert (checkpoint and checkpoint.name) == (resumes_at and f"checkpoint-{resumes_at}")
    resumed, remeasured = run(tiny_model, work, settings)
    assert same(unbroken, resumed)
    assert without_clock(measured) == without_clock(remeasured)


def test_a_run_killed_after_its_last_step_ends_the_same_way_again(tiny_model, tmp_path):
    """Nothing is saved at the end, so the folder of a finished run is that of a killed one."""
    settings = settings_of(checkpoint_every=3, stops={"steps": 6})
    first, measured = run(tiny_model, tmp_path, settings)
    checkpoint = last_whole_checkpoint(tmp_path)
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-3"
    again, remeasured = run(tiny_model, tmp_path, settings)
    assert same(first, again)
    assert remeasured.stop_reason == "step_limit"
    assert without_clock(measured) == without_clock(remeasured)


def test_a_checkpoint_that_was_cut_off_is_deleted(tmp_path):
    for step in (5, 10):
        (tmp_path / f"checkpoint-{step}").mkdir()
    (tmp_path / "checkpoint-5" / WHOLE).touch()
    assert last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-5"
    assert not (tmp_path / "checkpoint-10").exists()

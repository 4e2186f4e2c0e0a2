"""Trackers: training goes on as if there were none; records are whole at every moment; runs are continued."""

from __future__ import annotations

import copy
import math
import os
import random
import runpy
import signal
import subprocess
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import vitrail
from vitrail import probes
from vitrail.errors import InvalidModelError, InvalidOptionError, StoreError, UnsupportedOpError, VitrailError
from vitrail.probes import lightning, parse_schedule, read_records
from vitrail.probes.snapshot import detached_copy, snapshot
from vitrail.store import RecordsFile, read_settings
from vitrail.store.columns import Columns, plain_value

X = torch.from_numpy(np.random.default_rng(0).normal(size=(64, 4))).float()
Y = (X.sum(dim=1) > 0).long()
LEGACY: Any = np.random  # the one generator of the process


def plain_model() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def model_with_everything() -> nn.Module:
    return nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2)
    )


def some_probes() -> list[probes.Probe]:
    return [probes.Lines(X, count=5), probes.Distance(X[:4])]


def loss_of(model: nn.Module) -> torch.Tensor:
    batch = torch.randint(len(X), (16,))
    return nn.functional.cross_entropy(model(X[batch]), Y[batch])


def train(model: nn.Module, steps: int, each: Callable[[float], object] = lambda loss: None) -> list[float]:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        each(losses[-1])
    return losses


def tracker_of(model: nn.Module, path: Path, **options: Any) -> probes.Tracker:
    chosen: dict[str, Any] = {"probes": some_probes(), "schedule": "every 2 steps", "strict": True} | options
    return probes.Tracker(model, out=path, example_input=X[:1], **chosen)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run.parquet"


# ---- schedules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "per_epoch", "expected"),
    [
        ("0, 1/32, 1/16, 1/8, 1/4, 1/2, 1", 468, [0, 14, 29, 58, 117, 234, 468]),
        ([0, Fraction(1, 3), 0.5, 2], 10, [0, 3, 5, 20]),
        ("0.29", 100, [29]),
        ([0.29], 100, [29]),
        ("0, 1/32, 1/16, 1", 3, [0, 3]),
        ("0", None, [0]),
        ("every 100 steps", None, [0, 100, 200, 300, 400]),
        ("every step", None, list(range(500))),
        ("every 1/3 epoch", 10, [3 * k + k // 3 for k in range(150)]),
        ("every 2 epochs", 100, [0, 200, 400]),
        (None, 250, [0, 250]),
        (None, None, [0, 100, 200, 300, 400]),
        (lambda step: step in (1, 7), None, [1, 7]),
    ],
)
def test_schedules(schedule: Any, per_epoch: int | None, expected: list[int]) -> None:
    found = parse_schedule(schedule, per_epoch)
    assert [step for step in range(500) if found(step)] == [step for step in expected if step < 500]


def test_every_fraction_is_the_floor_of_its_multiples() -> None:
    found = parse_schedule("every 3/7 epochs", 11)
    assert {s for s in range(200) if found(s)} == {math.floor(k * Fraction(33, 7)) for k in range(100)} & set(
        range(200)
    )
    # more often than every step is every step
    assert all(parse_schedule("every 1/9 epoch", 2)(step) for step in range(20))


@pytest.mark.parametrize(
    ("schedule", "per_epoch", "text"),
    [
        ("0, 1", None, "steps_per_epoch"),
        ("every epoch", None, "steps_per_epoch"),
        ("every 1/2 steps", None, "whole number"),
        ("every 0 steps", None, "whole number"),
        ("every 0 epochs", 5, "above 0"),
        ("every now and then", None, "every 100 steps"),
        ("0, two", 5, "'two'"),
        ("", 5, "found ''"),
        ([], 5, r"found \[\]"),
        ([-1], 5, "found '-1'"),
        ([math.nan], 5, "nan"),
        ([True], 5, "True"),
        ("1/0", 5, "1/0"),
        (7, 5, "found 7"),
        ("0", 0, "steps_per_epoch"),
    ],
)
def test_bad_schedules(schedule: Any, per_epoch: int | None, text: str) -> None:
    with pytest.raises(InvalidOptionError, match=text):
        parse_schedule(schedule, per_epoch)


# ---- nothing of the training changes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [plain_model, model_with_everything])
def test_training_is_the_same_with_and_without(make: Callable[[], nn.Module], out: Path) -> None:
    results = []
    for tracked in (False, True):
        torch.manual_seed(5)
        LEGACY.seed(5)
        random.seed(5)
        model = make()
        each: Callable[[float], object] = lambda loss: None  # noqa: E731
        if tracked:
            tracker = tracker_of(model, out)
            each = lambda loss, tracker=tracker: tracker.step(loss=loss)  # type: ignore[misc] # noqa: E731
        losses = train(model, 7, each)
        state = {name: value.clone() for name, value in model.state_dict().items()}
        results.append((losses, state, torch.rand(3), LEGACY.random(3), random.random()))
    (losses, state, *drawn), (tracked_losses, tracked_state, *tracked_drawn) = results
    assert losses == tracked_losses and state.keys() == tracked_state.keys()
    assert all(torch.equal(state[name], tracked_state[name]) for name in state)
    assert all(np.array_equal(a, b) for a, b in zip(drawn, tracked_drawn, strict=True))
    frame = read_records(out)
    assert frame["step"].tolist() == [0, 2, 4, 6] and frame["loss"].tolist()[1:] == losses[1:6:2]
    assert frame["network"].nunique() == 4


def test_the_model_is_left_bit_by_bit(out: Path) -> None:
    class Greedy:
        """A probe that draws random numbers, as estimates do."""

        name = "greedy"

        def measure(self, net: vitrail.Network) -> probes.Reading:
            torch.manual_seed(1), LEGACY.seed(1), random.seed(1)
            return probes.Reading({"drawn": float(torch.rand(1)) + LEGACY.random() + random.random()})

    model = model_with_everything()
    model[4].eval()  # modes differ from part to part
    model[0].weight.requires_grad_(False)
    calls: list[str] = []
    handle = model[2].register_forward_hook(lambda *_: calls.append("forward"))
    model[2].register_full_backward_hook(lambda *_: calls.append("backward"))
    loss_of(model).backward()
    gradients = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    before = copy.deepcopy(model.state_dict())
    modes = [part.training for part in model.modules()]
    hooks, seen = list(model[2]._forward_hooks), len(calls)
    states = torch.random.get_rng_state(), LEGACY.get_state()[1].copy(), random.getstate()
    tracker = tracker_of(model, out, probes=[Greedy()])
    for _ in range(4):
        tracker.step()
    assert torch.equal(states[0], torch.random.get_rng_state()) and states[2] == random.getstate()
    assert np.array_equal(states[1], LEGACY.get_state()[1])
    assert [part.training for part in model.modules()] == modes and len(calls) == seen
    assert list(model[2]._forward_hooks) == hooks == [handle.id]
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    for parameter, old in zip(model.parameters(), gradients, strict=True):
        assert parameter.grad is None if old is None else torch.equal(old, parameter.grad)
    assert [p.requires_grad for p in model.parameters()].count(False) == 1 and torch.is_grad_enabled()


def test_measures_the_model_in_evaluation_mode(out: Path) -> None:
    torch.manual_seed(0)
    model = model_with_everything()
    tracker = tracker_of(model, out)
    train(model, 2, lambda loss: tracker.step())
    net = vitrail.Network.from_torch(copy.deepcopy(model).eval(), X[:1])
    last = read_records(out).iloc[-1]
    assert last["network"] == net.digest and last["lines_mean"] == probes.Lines(X, count=5)(net)["mean"]


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_pruned_and_normalized_weights() -> None:
    """Hooks of torch that make the weights run on the copy, whatever history these have."""
    from torch.nn.utils import prune

    pruned, normal = nn.Linear(4, 3), nn.utils.weight_norm(nn.Linear(3, 2))
    prune.l1_unstructured(pruned, "weight", 0.5)
    model = nn.Sequential(pruned, nn.ReLU(), normal)
    train(model, 2)
    net = snapshot(model, X[:1], drop_output_activation=False, check=True)
    with torch.no_grad():
        expected = model.eval()(X)
    assert torch.allclose(net.forward(X).float(), expected, atol=1e-5)


def test_wrapped_models_and_kept_activations() -> None:
    class Keeps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = plain_model()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.last = self.inner(x)
            return self.last

    model = Keeps()
    loss_of(model).backward()
    assert model.last.grad_fn is not None and detached_copy(model).last.grad_fn is None
    wrapped = nn.DataParallel(plain_model())
    assert isinstance(detached_copy(wrapped), nn.Sequential)
    with torch.inference_mode():
        net = snapshot(wrapped, X[:1], drop_output_activation=False, check=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        same = snapshot(wrapped, X[:1], drop_output_activation=False, check=True)
    assert net.digest == same.digest
    with pytest.raises(InvalidModelError, match="Module"):
        detached_copy(3)  # type: ignore[arg-type]

    class Stubborn(nn.Module):
        def __deepcopy__(self, memo: object) -> nn.Module:
            raise RuntimeError("no copies")

    with pytest.raises(InvalidModelError, match="no copies"):
        detached_copy(Stubborn())


# ---- records -------------------------------------------------------------------------------------------------------


def test_columns_and_extra_numbers(out: Path) -> None:
    tracker = tracker_of(plain_model(), out, schedule="0, 1/2, 1", steps_per_epoch=4, information={"seed": 7})
    for i in range(4):
        got = tracker.step(loss=torch.tensor(0.5), right=np.int64(i), rate=float("nan"))
        assert (got is not None) is (i in (1, 3))
    frame = tracker.records()
    assert frame["epoch"].tolist() == [0.0, 0.5, 1.0] and frame["right"].tolist()[1:] == [1, 3]
    assert math.isnan(frame["loss"][0]) and frame["loss"][2] == 0.5 and frame["rate"].isna().all()
    assert (frame["seconds"] > 0).all() and (frame["lines_seconds"] <= frame["seconds"]).all()
    assert frame.attrs["settings"]["units"] == 8 and frame.attrs["information"]["seed"] == 7
    assert "vitrail" in frame.attrs["information"] and read_settings(out)["schedule"] == "0, 1/2, 1"
    assert tracker.record() == tracker.record() and len(tracker.records()) == 3
    tracker.step()
    assert tracker.record(loss=1.0)["step"] == 5 and len(tracker.records()) == 4


@pytest.mark.parametrize("name", ["step", "lines_mean", "seconds", "a b"])
def test_names_that_are_taken(name: str, out: Path) -> None:
    tracker = tracker_of(plain_model(), out, schedule="0")
    with pytest.raises(InvalidOptionError, match=name):
        tracker.step(**{name: 1.0})
    assert tracker.current_step == 0
    tracker.step()
    with pytest.raises(InvalidOptionError, match="one number"):
        tracker.record(loss=[1.0, 2.0])


def test_a_failing_probe(out: Path) -> None:
    class Bad:
        name = "bad"
        fails = True

        def measure(self, net: vitrail.Network) -> Any:
            if self.fails:
                raise ZeroDivisionError("a\nb")
            return {"value": [1, 2]}

    bad = Bad()
    with pytest.warns(UserWarning, match="bad failed") as caught:
        tracker = tracker_of(plain_model(), out, probes=[bad, *some_probes()], schedule="every step", strict=False)
        tracker.step()
    assert len(caught) == 1
    bad.fails = False
    tracker.step()
    frame = tracker.records()
    assert frame["bad_error"].tolist()[:2] == ["ZeroDivisionError: a b"] * 2
    assert "one number" in frame["bad_error"][2] and frame["lines_mean"].notna().all()
    with pytest.raises(InvalidOptionError, match="one number"):
        tracker_of(plain_model(), out.with_name("b.parquet"), probes=[bad])


def test_a_model_that_diverges(out: Path) -> None:
    model = plain_model()
    tracker = tracker_of(model, out, schedule="every step", strict=False)
    with torch.no_grad():
        model[0].weight.fill_(math.nan)
    with pytest.warns(UserWarning, match="network failed"):
        tracker.step(loss=math.nan)
    frame = tracker.records()
    assert "nan" in frame["network_error"][1].lower() and frame["lines_mean"].isna().tolist() == [False, True]
    with pytest.raises(UnsupportedOpError):
        tracker_of(nn.Sequential(nn.Linear(4, 2), nn.Tanh(), nn.Linear(2, 2)), out.with_name("c.parquet"))


def test_a_writer_gets_every_number(out: Path) -> None:
    class Writer:
        def __init__(self) -> None:
            self.got: dict[tuple[str, int], float] = {}

        def add_scalar(self, tag: str, value: float, step: int) -> None:
            self.got[tag, step] = value

    writer = Writer()
    tracker = tracker_of(plain_model(), out, writer=writer)
    train(tracker.model, 2, lambda loss: tracker.step(loss=loss))
    frame = tracker.records()
    assert writer.got["lines/mean", 2] == frame["lines_mean"][1] and ("distance/mean", 0) in writer.got
    assert not any("status" in tag or "loss" in tag for tag, _ in writer.got)
    with pytest.raises(InvalidOptionError, match="add_scalar"):
        tracker_of(plain_model(), out, writer=print, overwrite=True)


# ---- files ---------------------------------------------------------------------------------------------------------


def test_a_file_is_not_lost_by_accident(out: Path) -> None:
    tracker_of(plain_model(), out)
    with pytest.raises(StoreError, match="exists already"):
        tracker_of(plain_model(), out)
    tracker_of(plain_model(), out, overwrite=True, schedule="every 5 steps")
    assert read_settings(out)["schedule"] == "every 5 steps"
    with pytest.raises(InvalidOptionError, match=r"\.parquet"):
        tracker_of(plain_model(), out.with_suffix(".csv"))
    with pytest.raises(StoreError, match="does not exist"):
        tracker_of(plain_model(), out.parent / "no" / "run.parquet")


def test_resume(out: Path) -> None:
    torch.manual_seed(0)
    model = plain_model()
    tracker = tracker_of(model, out)
    saved = {}
    for step in range(1, 6):
        train(model, 1)
        tracker.step(loss=1.0)
        saved[step] = copy.deepcopy(model.state_dict())
    # killed after step 5, of which steps 0, 2 and 4 were measured; the checkpoint is of step 4
    model.load_state_dict(saved[4])
    again = tracker_of(model, out, resume=True)
    assert again.current_step == 4 and again.records()["step"].tolist() == [0, 2, 4]
    again.step(), again.step(other=2.0)
    frame = again.records()
    assert frame["step"].tolist() == [0, 2, 4, 6] and frame["other"].tolist()[3] == 2.0
    assert frame["loss"].tolist()[:3][1:] == [1.0, 1.0]
    # an older checkpoint: what came after it is measured again
    model.load_state_dict(saved[3])
    with pytest.warns(UserWarning, match="2 records after step 3"):
        older = tracker_of(model, out, resume=True, start_step=3)
    older.step()
    assert older.records()["step"].tolist() == [0, 2, 4]
    with pytest.raises(StoreError, match="not the one that was recorded after 4 steps"):
        tracker_of(plain_model(), out, resume=True)


def test_resume_of_nothing_starts(out: Path) -> None:
    tracker = tracker_of(plain_model(), out, resume=True, start_step=2)
    assert tracker.records()["step"].tolist() == [2]
    with pytest.raises(InvalidOptionError, match="resume=True"):
        tracker_of(plain_model(), out, start_step=2)
    with pytest.raises(InvalidOptionError, match="both"):
        tracker_of(plain_model(), out, resume=True, overwrite=True)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"schedule": "every 3 steps"}, 'schedule is "every 2 steps" in the file, "every 3 steps" now'),
        (
            {"probes": [probes.Lines(X, count=6), probes.Distance(X[:4])]},
            "probes: lines: count is 5 in the file, 6 now",
        ),
        ({"probes": [probes.Lines(X, count=5)]}, "probes: distance"),
        ({"probes": [probes.Lines(X + 1, count=5), probes.Distance(X[:4])]}, "probes: lines: points"),
        ({"steps_per_epoch": 3}, "steps_per_epoch is null in the file, 3 now"),
    ],
)
def test_other_settings_are_refused(options: dict[str, Any], text: str, out: Path) -> None:
    model = plain_model()
    tracker_of(model, out)
    content = out.read_bytes()
    with pytest.raises(StoreError, match=text):
        tracker_of(model, out, resume=True, **options)
    assert out.read_bytes() == content


def test_a_run_without_records_is_a_file_too(out: Path) -> None:
    tracker = tracker_of(plain_model(), out, schedule=lambda step: step == 99)
    assert len(tracker.records()) == 0
    with pytest.raises(InvalidOptionError, match="0 records"):
        tracker.plot()
    with pytest.raises(StoreError, match="no regions were kept"):
        tracker.animate(out.with_suffix(".gif"))
    assert tracker_of(plain_model(), out, schedule=lambda step: step == 99, resume=True).current_step == 0


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "cut", "flipped", "foreign"])
def test_files_that_are_no_records(damage: str, out: Path) -> None:
    import pandas

    file = RecordsFile(out, {"a": 1})
    for i in range(500):
        file.columns.append({"step": i, "value": math.sin(i)})
    file.write()
    content = out.read_bytes()
    changed = bytearray(content)
    changed[len(content) // 3] ^= 255
    written = {"empty": b"", "text": b"step,loss\n0,1\n" * 9, "cut": content[:-200], "flipped": bytes(changed)}
    if damage == "missing":
        out.unlink()
    elif damage == "foreign":
        pandas.DataFrame({"step": [1]}).to_parquet(out)
    else:
        out.write_bytes(written[damage])
    with pytest.raises(StoreError, match=r"run\.parquet"):
        read_records(out)


def test_columns_find_their_kind() -> None:
    columns = Columns()
    columns.append({"a": 1, "b": True, "c": None})
    columns.append({"a": 2.5, "b": 3, "c": "x", "d": 2**63 - 1})
    assert columns.table().to_pylist()[1] == {"a": 2.5, "b": 3, "c": "x", "d": 2**63 - 1}
    with pytest.raises(InvalidOptionError, match="expected str"):
        columns.append({"c": 1.0, "e": 1})
    assert "e" not in columns.table().column_names and len(columns) == 2
    # more rows than are kept as Python objects, with a column and a kind that come late
    for i in range(1200):
        columns.append({"a": i})
    columns.append({"late": "z", "d": 0.5})
    table = columns.table()
    assert table.num_rows == len(columns) == 1203 and table["late"].null_count == 1202
    assert table["a"].to_pylist()[2:1202] == list(map(float, range(1200))) and table["d"].to_pylist()[-1] == 0.5
    assert plain_value("n", 10**400) == math.inf and plain_value("n", -(2**64)) == -(2.0**64)
    assert plain_value("n", torch.ones(1, 1)) == 1.0 and plain_value("n", np.bool_(True)) is True
    for bad in ([1.0], 1j, object(), torch.ones(2), np.zeros(0)):
        with pytest.raises(InvalidOptionError, match="one number"):
            plain_value("n", bad)


CHILD = """
import sys
from vitrail.store import RecordsFile
file = RecordsFile(sys.argv[1], {})
step = 0
while True:
    file.append({"step": step, "value": step * 0.5})
    step += 1
    sys.stdout.write(f"{step}\\n"); sys.stdout.flush()
"""


def test_a_killed_run_keeps_every_record(out: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD, str(out)], stdout=subprocess.PIPE, text=True) as child:
        stream = child.stdout
        assert stream is not None
        done = 0
        started = time.monotonic()
        while done < 40 and time.monotonic() - started < 60:
            done = int(stream.readline())
            if done % 10 == 0:
                assert len(read_records(out)) >= done  # while it runs
        child.send_signal(signal.SIGKILL)
        rest = [int(line) for line in stream.read().splitlines()]
    assert child.returncode == -signal.SIGKILL and done == 40
    frame = read_records(out)
    finished = max([done, *rest])
    assert finished <= len(frame) <= finished + 1
    assert frame["step"].tolist() == list(range(len(frame))) and frame["value"].tolist() == (frame["step"] / 2).tolist()
    # what may be left beside it is a file that has no name of ours
    assert RecordsFile(out, {}, resume=True).rows[-1]["step"] == len(frame) - 1


def test_a_full_disk_leaves_the_earlier_records(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RecordsFile(out, {})
    file.append({"step": 0})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space"):
        file.append({"step": 1})
    monkeypatch.undo()
    assert len(read_records(out)) == 1 and [path.name for path in out.parent.iterdir()] == ["run.parquet"]


# ---- Lightning -----------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh_callback() -> Iterator[None]:
    lightning.make_callback_class.cache_clear()
    yield
    lightning.make_callback_class.cache_clear()


@pytest.mark.usefixtures("fresh_callback")
def test_without_lightning(monkeypatch: pytest.MonkeyPatch) -> None:
    for home in ("lightning", "lightning.pytorch.callbacks", "pytorch_lightning", "pytorch_lightning.callbacks"):
        monkeypatch.setitem(sys.modules, home, None)
    with pytest.raises(VitrailError, match=r"vitrail\[lightning\]"):
        _ = lightning.TrackerCallback
    with pytest.raises(AttributeError, match="Nothing"):
        _ = lightning.Nothing


@pytest.mark.usefixtures("fresh_callback")
def test_a_fit_of_a_stub(monkeypatch: pytest.MonkeyPatch, out: Path) -> None:
    stub = types.ModuleType("lightning.pytorch.callbacks")
    stub.Callback = type("Callback", (), {})  # type: ignore[attr-defined]
    for name in ("lightning", "lightning.pytorch"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, stub.__name__, stub)
    model = plain_model()

    class Trainer:
        is_global_zero, num_training_batches = True, 4

        def __deepcopy__(self, memo: object) -> object:
            raise RuntimeError("a trainer is not copied")

    trainer = Trainer()
    model._trainer = trainer  # as a module of Lightning has it
    callback = lightning.TrackerCallback(some_probes(), out, example_input=X[:1], schedule="0, 1/2, 1", strict=True)
    assert isinstance(callback, stub.Callback) and callback.tracker is None
    callback.on_train_start(trainer, model)
    for i in range(4):
        callback.on_train_batch_end(trainer, model, {"loss": torch.tensor(0.25), "scores": torch.ones(2)}, None, i)
    frame = read_records(out)
    assert frame["epoch"].tolist() == [0.0, 0.5, 1.0] and frame["loss"].tolist()[1:] == [0.25, 0.25]
    assert "scores" not in frame
    Trainer.is_global_zero = False
    other = lightning.TrackerCallback(some_probes(), out, example_input=X[:1])
    other.on_train_start(trainer, model)
    other.on_train_batch_end(trainer, model, None, None, 0)
    assert other.tracker is None


def test_information_that_json_cannot_hold(out: Path) -> None:
    with pytest.raises(InvalidOptionError, match="information"):
        tracker_of(plain_model(), out, information={"model": object()})
    assert not out.exists()


def test_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(Path(__file__).resolve().parents[1] / "examples" / "track_training.py"))
    frame = read_records("track_training.parquet")
    assert frame["step"].tolist() == [0, 3, 7, 14, 28, 56, 112, 168, 224, 280]
    assert frame["loss"].iloc[-1] < 0.3 < frame["loss"].iloc[1] and "plane_activation" in capsys.readouterr().out
    assert set(frame["plane_activation_status"]) == {"certified"}
    assert Path("track_training.png").stat().st_size > 20_000 and Path("track_training.gif").stat().st_size > 20_000


def test_no_warnings_in_a_plain_run(out: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracker = tracker_of(plain_model(), out)
        train(tracker.model, 2, lambda loss: tracker.step(loss=loss))

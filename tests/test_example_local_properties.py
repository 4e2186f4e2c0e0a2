"""The example that compares regions of three kinds of networks: a tiny run, and its verdicts on made-up numbers."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch

import vitrail

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        return importlib.import_module("local_properties")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """The example sets the number of threads of the process: put it back."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def means_of(example: ModuleType, **values: dict[str, list[float]]) -> pd.DataFrame:
    """The frame of means with one measure per keyword: variant -> a value per seed; the other measures are 0."""
    index = pd.MultiIndex.from_product([example.VARIANTS, range(3)], names=["variant", "seed"])
    frame = pd.DataFrame(0.0, index=index, columns=list(example.MEASURES))
    for name, by_variant in values.items():
        for variant, numbers in by_variant.items():
            frame.loc[[(variant, seed) for seed in range(3)], name] = numbers
    return frame


def test_run(example: ModuleType, one_thread: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example.main(["--seeds", "0", "--epochs", "3", "--regions", "2", "--out", str(tmp_path / "new" / "folder")])
    shown = capsys.readouterr().out
    assert all(label in shown for label in example.MEASURES.values())
    assert all(claim.text in shown for claim in example.CLAIMS)
    folder = tmp_path / "new" / "folder"
    assert (folder / "local_properties.png").read_bytes().startswith(PNG)
    rows = pd.read_csv(folder / "local_properties.csv")
    assert rows.groupby(["variant", "seed"]).size().to_dict() == {(variant, 0): 2 for variant in example.VARIANTS}
    # 64 inputs in a box of side 1, 96 units, 10 classes
    assert rows.inradius.between(0, 0.5, inclusive="right").all()
    assert rows.facets.between(1, 96).all()
    assert rows.reachable.between(0, 9).all()
    assert ((rows.crossed == 1) == (rows.reachable > 0)).all()
    assert rows[["facet_cosine", "unit_cosine"]].stack().between(0, 1).all()
    assert rows.gradient_cosine.between(-1, 1).all()


def test_networks_are_the_variants(example: ModuleType) -> None:
    """Dropout is the identity and batch norm affine in evaluation mode: 96 units each, and values as torch has them."""
    torch.manual_seed(0)
    inputs = torch.rand(200, 64)
    labels = torch.arange(200) % 10
    kinds = {
        "plain": set(),
        "batch norm": {torch.nn.BatchNorm1d},
        "dropout": {torch.nn.Dropout},
    }
    for variant, extra in kinds.items():
        model = example.build(variant)
        assert {type(layer) for layer in model} == {torch.nn.Linear, torch.nn.ReLU} | extra
        before = model[0].weight.detach().clone()
        example.train(model, inputs, labels, 1)
        assert not model.training and not torch.equal(before, model[0].weight)
        net = vitrail.Network.from_torch(model, inputs[:1])
        assert net.number_of_units == 96
        # float32 against float64: 64 terms of size about 1
        expected = model(inputs).detach().numpy()
        np.testing.assert_allclose(net.forward(inputs.double().numpy()).numpy(), expected, atol=1e-4)


def test_towards_boundary(example: ModuleType) -> None:
    """Outputs x and 1 - x on the line: the class changes at 1/2."""
    net = vitrail.Network.from_arrays([([[1.0], [-1.0]], [0.0, 1.0])])
    others = np.array([[0.1], [0.2], [0.9], [0.7]])
    found = example.towards_boundary(net, np.array([0.3]), others)
    assert found <= 0.5 and found == pytest.approx(0.5, abs=2.0**-39)
    assert example.towards_boundary(net, np.array([0.3]), others[:2]) is None


CLAIM_CASES = {
    "yes, on 3 of 3 seeds": ([0.3, 0.4, 0.5], [0.2, 0.1, 0.1], "apart"),
    "mixed, on 2 of 3 seeds": ([0.3, 0.4, 0.5], [0.2, 0.1, 0.6], "overlap"),
    "no, on 0 of 3 seeds": ([0.3, 0.4, 0.5], [0.4, 0.5, 0.5], "overlap"),
}


@pytest.mark.parametrize("expected", CLAIM_CASES)
@pytest.mark.parametrize("sign", [-1, 1])
def test_verdict(example: ModuleType, expected: str, sign: int) -> None:
    plain, other, ranges = CLAIM_CASES[expected]
    if sign > 0:
        plain, other = [1 - value for value in plain], [1 - value for value in other]
    means = means_of(example, inradius={"plain": plain, "dropout": other})
    shown = example.verdict(example.Claim("so it is", "dropout", "inradius", sign), means)
    assert shown.startswith(f"{expected}: so it is (")
    assert shown.endswith(f"ranges {ranges})")
    assert example.range_text(pd.Series(plain)) in shown


def test_verdict_refuses_missing_values(example: ModuleType) -> None:
    means = means_of(example, boundary_ratio={"dropout": [0.1, np.nan, 0.2], "plain": [1.0, 1.0, 1.0]})
    shown = example.verdict(example.Claim("so it is", "dropout", "boundary_ratio", -1), means)
    assert shown.startswith("not tested: so it is")


def test_table(example: ModuleType) -> None:
    means = means_of(example, inradius={"plain": [0.25, 0.5, 0.375]}, facets={"dropout": [80.0, 80.0, 80.0]})
    lines = {line[:38].strip(): line.split() for line in example.table(means).splitlines()[1:]}
    assert lines[example.MEASURES["inradius"]][-5:] == ["0.250", "to", "0.500", "0.000", "0.000"]
    assert lines[example.MEASURES["facets"]][-1] == "80.000"


def test_means_over_regions(example: ModuleType) -> None:
    """The ratio is one of means, not the mean of ratios."""
    rows = pd.DataFrame(
        {"variant": "plain", "seed": 0, "inradius": [1.0, 3.0], "boundary_inradius": [1.0, 1.0], "status": "certified"}
    )
    means = example.summarize(rows)
    assert means.loc[("plain", 0)].to_dict() == {"inradius": 2.0, "boundary_inradius": 1.0, "boundary_ratio": 0.5}


@pytest.mark.parametrize("regions", ["0", "598"])
def test_wrong_options(example: ModuleType, regions: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        example.main(["--regions", regions])
    assert f"expected 1 to 597 test digits, found {regions}" in capsys.readouterr().err

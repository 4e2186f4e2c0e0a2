"""One run: regions of one network counted exactly, or the depths at which formulas say that depth wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vitrail.bounds import pascanu2013
from vitrail.bounds.depth import parameters, smallest_winning_depth
from vitrail.domains import Box, Domain, Space
from vitrail.network.network import Network
from vitrail.search import enumerate_regions
from vitrail.studies.configuration import Value
from vitrail.studies.networks import fully_connected
from vitrail.studies.pascanu2013.networks import CONSTRUCTIONS, constructed, drawn, perturbed, predicted
from vitrail.studies.study import Context, Run
from vitrail.studies.training import Labeled, Recipe, train

if TYPE_CHECKING:
    import pandas

__all__ = ["PARTS", "SETTINGS", "checkerboard", "experiment", "plan"]

PARTS = ("depths", "shallow", "deep", "random", "trained", "perturbed")
"""The kinds of runs; a column of the results."""

SETTINGS = (
    *("depth_inputs", "depth_ratios", "largest_count", "most_layers", "deep_inputs", "shallow_inputs"),
    *("shallow_widths", "seeds", "random_units", "random_layers", "random_networks", "random_shallow"),
    *("trained_units", "trained_layers", "trained_seeds", "epochs", "batch", "learning_rate", "points", "squares"),
    *("perturbed_widths", "noises"),
)
"""All settings of the study."""

_TRAINING = ("epochs", "batch", "learning_rate", "points", "squares")


def plan(settings: Mapping[str, Value]) -> Iterator[dict[str, object]]:
    """The settings of every run, the quickest kinds first."""
    chosen: Mapping[str, Any] = settings
    for inputs in chosen["depth_inputs"]:
        for ratio in chosen["depth_ratios"]:
            yield _settings("depths", inputs, [ratio * inputs], "formulas")
    for inputs in chosen["shallow_inputs"]:
        for width in chosen["shallow_widths"]:
            if pascanu2013.exact(inputs, width) <= chosen["largest_count"]:
                yield _settings("shallow", inputs, [width], "general position")
    yield from _deep(chosen)
    architectures = [(2, widths) for widths in _equal_units(chosen["random_units"], chosen["random_layers"])]
    architectures += [(inputs, [width]) for inputs, width in chosen["random_shallow"]]
    for inputs, widths in architectures:
        for name in chosen["random_networks"]:
            for seed in range(chosen["seeds"]):
                yield _settings("random", inputs, widths, name, seed)
    for seed in range(chosen["seeds"]):
        further = {"noises": chosen["noises"]}
        yield _settings("perturbed", 2, chosen["perturbed_widths"], "folding", seed) | further
    for widths in _equal_units(chosen["trained_units"], chosen["trained_layers"]):
        for seed in range(chosen["trained_seeds"]):
            further = {name: chosen[name] for name in _TRAINING}
            yield _settings("trained", 2, widths, "torch default", seed) | further


def experiment(run: Run, context: Context) -> pandas.DataFrame:
    """Count the regions of the network of one run, by all three definitions where it was constructed.

    Columns: `activation`, `linear` and `affine` are counts and `status` says how sure they are; `domain` is where they
    were counted, `predicted` what the construction promises there. Networks have one output; `layers`, `units` and
    `parameters` are theirs. Runs of the part "depths" have depths instead (see `_depths`).
    """
    import pandas

    settings: Any = run
    inputs, widths, seed = settings["inputs"], settings["widths"], settings["seed"]
    name = settings["network"]
    part = settings["part"]
    if part == "depths":
        return pandas.DataFrame(_depths(inputs, *widths))
    size = {"layers": len(widths), "units": sum(widths), "parameters": _parameters(inputs, widths)}
    if part in ("shallow", "deep"):
        rows = [{"predicted": predicted(name, inputs, widths)}]
        domain: Domain = Space(inputs) if part == "shallow" else _cube(inputs)
        rows[0] |= _counts(constructed(name, inputs, widths), domain)
    elif part == "random":
        rows = [_counts(drawn(name, inputs, widths, seed), Space(inputs), ("activation", "linear"))]
    elif part == "trained":
        rows = list(_trained(run, inputs, widths, seed))
    else:
        module = CONSTRUCTIONS[name](inputs, widths)
        rows = []
        for noise in settings["noises"]:
            net = Network.from_arrays(perturbed(module, noise, seed))
            rows.append({"noise": noise} | _counts(net, _cube(inputs), ("activation",)))
    return pandas.DataFrame([size | row for row in rows])


def checkerboard(points: int, squares: int, seed: int) -> Labeled:
    """Points in the square (-1, 1)^2 with the colors of a checkerboard: two thirds to train on, a third to test on.

    The board has `squares` by `squares` fields; labels are 0 and 1.

    Example:
        >>> data = checkerboard(30, 4, seed=0)
        >>> data.train_inputs.shape, len(data.test_labels), sorted(set(data.test_labels.tolist()))
        (torch.Size([20, 2]), 10, [0, 1])
    """
    rng = np.random.default_rng(seed)
    places = rng.uniform(-1.0, 1.0, (points, 2))
    cells = np.floor((places + 1.0) * squares / 2.0).astype(np.int64)
    inputs, labels = torch.from_numpy(places).float(), torch.from_numpy(cells.sum(axis=1) % 2)
    share = 2 * points // 3
    return Labeled(inputs[:share], labels[:share], inputs[share:], labels[share:])


def _settings(part: str, inputs: int, widths: Sequence[int], network: str, seed: int = 0) -> dict[str, object]:
    return {"part": part, "inputs": inputs, "widths": tuple(widths), "network": network, "seed": seed}


def _deep(settings: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """Every construction, width and depth whose predicted regions are few enough to be counted."""
    for inputs in settings["deep_inputs"]:
        for ratio in settings["depth_ratios"]:
            for layers in range(1, settings["most_layers"] + 1):
                widths = [ratio * inputs] * layers
                for name in ("one fold", "folding", "zigzag"):
                    # a zigzag needs three units for each input; with one input the first two are the same network
                    if (name == "zigzag" and ratio < 3) or (name == "one fold" and inputs == 1):
                        continue
                    if predicted(name, inputs, widths) <= settings["largest_count"]:
                        yield _settings("deep", inputs, widths, name)


def _equal_units(totals: Sequence[int], depths: Sequence[int]) -> list[list[int]]:
    return [[total // layers] * layers for total in totals for layers in depths if total % layers == 0]


def _parameters(inputs: int, widths: Sequence[int]) -> int:
    # all layers of these runs have the same width
    return parameters(inputs, widths[0], len(widths))


def _cube(inputs: int) -> Box:
    return Box([0.0] * inputs, [1.0] * inputs)


_DEFINITIONS = ("activation", "linear", "affine")


def _counts(net: Network, domain: Domain, definitions: Sequence[str] = _DEFINITIONS) -> dict[str, Any]:
    """A count by each definition, and the status that holds for all of them."""
    regions = enumerate_regions(net, domain)
    counts = {definition: regions.count(definition) for definition in definitions}
    found = {status.value for status in (count.status for count in counts.values())}
    least = next(word for word in ("partial", "uncertified", "certified", "exact") if word in found)
    return {name: value.value for name, value in counts.items()} | {"status": least, "domain": domain.description}


def _trained(run: Run, inputs: int, widths: Sequence[int], seed: int) -> Iterator[dict[str, Any]]:
    """Regions before, during and after training to tell the colors of a checkerboard apart."""
    settings: Any = run
    data = checkerboard(settings["points"], settings["squares"], seed)
    module = fully_connected(inputs, widths, 2, initialization="torch default", seed=seed)
    recipe = Recipe(report_epochs=settings["epochs"], batch=settings["batch"], learning_rate=settings["learning_rate"])
    square = Box([-1.0] * inputs, [1.0] * inputs)
    for report in train(module, data, recipe, seed):
        accuracy = {"train_accuracy": report.train_accuracy, "test_accuracy": report.test_accuracy}
        net = Network.from_torch(report.module, data.train_inputs[:1])
        for place, domain in (("space", Space(inputs)), ("data", square)):
            found = _counts(net, domain, ("activation", "linear"))
            yield {"epoch": float(report.epoch), "place": place} | accuracy | found


def _depths(inputs: int, width: int) -> list[dict[str, Any]]:
    """From how many layers on depth wins, by several formulas; NaN where it never does.

    `question` says what wins: the lower bound `bound` over the exact maximum of a shallow network of equal units or
    parameters, floor(n / n_0)^(k - 1) over k^n_0 from there on forever, or, for n = 2 n_0, the special case.
    """
    rows: list[dict[str, Any]] = [
        {
            "question": f"equal {equal}",
            "bound": bound,
            "depth": smallest_winning_depth(inputs, width, bound, equal=equal),
        }
        for equal in ("units", "parameters")
        for bound in ("pascanu2013", "montufar2014", "serra2018")
    ]
    rows.append({"question": "power", "bound": "pascanu2013", "depth": power_wins_from(inputs, width // inputs)})
    if width == 2 * inputs:
        double = next(
            k for k in count(1) if pascanu2013.double_width_lower(inputs, k) > pascanu2013.exact(inputs, width * k)
        )
        gain = pascanu2013.double_width_lower(inputs, 3) / pascanu2013.exact(inputs, 3 * width)
        rows.append({"question": "double width", "bound": "pascanu2013_double", "depth": double, "gain": gain})
    for row in rows:
        row["depth"] = float("nan") if row["depth"] is None else float(row["depth"])
    return rows


def power_wins_from(inputs: int, ratio: int) -> int | None:
    """The least K such that ratio^(k-1) > k^inputs for all k >= K; None where there is none.

    Once ratio k^inputs >= (k + 1)^inputs, the quotient of the two grows from k on, so that finding one depth there at
    which the power wins settles all later ones.

    Example:
        >>> power_wins_from(2, 2), power_wins_from(1, 3), power_wins_from(2, 1)
        (7, 2, None)
    """
    if ratio < 2:
        return None
    grows = next(k for k in count(1) if ratio * k**inputs >= (k + 1) ** inputs)
    first = next(k for k in count(grows) if ratio ** (k - 1) > k**inputs)
    while first > 1 and ratio ** (first - 2) > (first - 1) ** inputs:
        first -= 1
    return first

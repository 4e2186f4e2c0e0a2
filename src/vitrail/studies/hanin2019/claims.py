"""What the two papers claim, and the number per seed that each claim is judged by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vitrail.studies.claims import Claim, PaperClaim
from vitrail.studies.hanin2019.plan import LABELS, POINTS, SAWTOOTH, TRAINING
from vitrail.studies.statistics import slope_over_seeds

if TYPE_CHECKING:
    import pandas

__all__ = ["STATEMENTS", "claims", "common_epochs"]

_COMPLEXITY, _PATTERNS = "ICML paper", "NeurIPS paper"

STATEMENTS = (
    PaperClaim(
        1,
        "a line through the data meets about as many regions as there are units, at initialization",
        f"{_COMPLEXITY}, experiments; limits chosen here",
    ),
    PaperClaim(
        2,
        "and this number stays within a small factor of the units all through training",
        f"{_COMPLEXITY}, experiments; a factor of 2 chosen here",
    ),
    PaperClaim(
        3,
        "regions on a line grow linearly with the number of units",
        f"{_COMPLEXITY}, Corollary 4 and experiments; limits of the exponent chosen here",
    ),
    PaperClaim(
        4, "their number depends on the units, not on the depth", f"{_COMPLEXITY}, Corollary 4; limits chosen here"
    ),
    PaperClaim(
        5,
        "a plane through the data meets about N^2 / 2 regions at initialization",
        f"{_PATTERNS}, Theorem 5 and figure of planes; limits chosen here",
    ),
    PaperClaim(
        6, "and never many more than that in training", f"{_PATTERNS}, figure of planes; a factor of 2 chosen here"
    ),
    PaperClaim(7, "regions in the plane first become fewer", f"{_PATTERNS}, figure of planes"),
    PaperClaim(8, "and then more again", f"{_PATTERNS}, figure of planes"),
    PaperClaim(9, "in the square around three images regions first become fewer", f"{_PATTERNS}, pictures"),
    PaperClaim(10, "and then more again", f"{_PATTERNS}, pictures"),
    PaperClaim(
        11,
        "the mean distance to the next boundary is 0.4 / N to 2 / N, at initialization and in training",
        f"{_COMPLEXITY}, figure of distances, not certain which curves; the mean over networks chosen here",
    ),
    PaperClaim(
        12,
        "the mean distance falls as 1 / N at initialization",
        f"{_COMPLEXITY}, Corollary 5 and experiments; limits of the exponent chosen here",
    ),
    PaperClaim(13, "and in training", f"{_COMPLEXITY}, experiments; limits of the exponent chosen here"),
    PaperClaim(14, "distances first become smaller", f"{_COMPLEXITY}, experiments, not certain"),
    PaperClaim(15, "and then larger", f"{_COMPLEXITY}, experiments, not certain"),
    PaperClaim(16, "the mean distance is at least C / (C_grad C_bias N)", f"{_COMPLEXITY}, Corollary 5"),
    PaperClaim(
        17,
        "networks that learn noisy labels by heart have more regions than with true labels",
        f"{_PATTERNS}, figure of label noise",
    ),
    PaperClaim(
        18,
        "but not exponentially more: a line still meets about N of them",
        f"{_PATTERNS}, figure of label noise; a factor of 2 chosen here",
    ),
    PaperClaim(
        19,
        "training on random points in the plane, at any rate and scale, leaves about N^2 / 2 regions",
        f"{_PATTERNS}, experiment on random points; a factor of 2 chosen here",
    ),
    PaperClaim(20, "the learning rate 0.001 gives the most regions", f"{_PATTERNS}, experiment on random points"),
    PaperClaim(21, "with 0.01 learning fails", f"{_PATTERNS}, experiment on random points"),
    PaperClaim(
        22,
        "noise on all weights destroys most pieces of a sawtooth",
        f"{_COMPLEXITY}, figure of the sawtooth; its noise is not known, half of the pieces chosen here",
    ),
    PaperClaim(23, "trained networks are right on 95 to 98 % of the test images", "both papers"),
)
"""In words of our own; the texts were not at hand, so places are those that restatements give."""

_LONGEST_FACTOR, _EXPONENT_ROOM = 2.0, 0.2
_DISTANCE_LOW, _DISTANCE_HIGH = 0.4, 2.0


def common_epochs(training: pandas.DataFrame) -> list[float]:
    """The epochs at which all networks were measured, from the table of the trainings.

    Example:
        >>> import pandas
        >>> common_epochs(pandas.DataFrame({"widths": ["8", "8", "9"], "epoch": [0.0, 1.0, 0.0]}))
        [0.0]
    """
    each = training.groupby("widths")["epoch"].unique()
    return sorted(set.intersection(*(set(epochs.tolist()) for epochs in each)))


def claims(results: pandas.DataFrame) -> list[Claim]:
    """A claim for each of the statements, judged over seeds.

    Raises:
        KeyError: results without one of the experiments.

    Example:
        >>> [statement.number for statement in STATEMENTS] == list(range(1, 24))
        True
    """
    of = {name: group for name, group in results.groupby("experiment")}
    found = [*_lines(of[TRAINING]), *_planes(of[TRAINING]), *_window(of[TRAINING]), *_distances(of[TRAINING])]
    return [*found, *_labels(of[LABELS]), *_points(of[POINTS]), *_sawtooth(of[SAWTOOTH]), _accuracy(of[TRAINING])]


def _statement(number: int) -> PaperClaim:
    return STATEMENTS[number - 1]


def _by_seed(frame: pandas.DataFrame, values: pandas.Series, statistic: str | Callable[..., float]) -> np.ndarray:
    return values.groupby(frame["seed"]).agg(statistic).to_numpy()


def _change(frame: pandas.DataFrame, values: pandas.Series, first: float, last: float) -> tuple[np.ndarray, np.ndarray]:
    """The means over networks of each seed at the last and the first epoch; networks measured at both only."""
    at = frame.assign(value=values).pivot_table(index=["seed", "widths"], columns="epoch", values="value")
    both = at[[first, last]].dropna().groupby("seed").mean()
    return both[last].to_numpy(), both[first].to_numpy()


def _slope(frame: pandas.DataFrame, column: str, epoch: float, what: str, number: int, exponent: float) -> Claim:
    """The exponent of a power of the units, from all networks at one epoch."""
    table = frame[frame["epoch"] == epoch].pivot_table(index="seed", columns=["units", "widths"], values=column)
    units = table.columns.get_level_values("units").to_numpy(dtype=np.float64)
    found = slope_over_seeds(np.log(units), np.log(table.to_numpy()), what)
    return _statement(number).judge(found, above=exponent - _EXPONENT_ROOM, below=exponent + _EXPONENT_ROOM)


def _lines(training: pandas.DataFrame) -> list[Claim]:
    share = training["regions_line"] / training["units"]
    start = training["epoch"] == 0
    depth = training["widths"].str.count("-") + 1
    last = common_epochs(training)[-1]
    factor = np.exp(np.abs(np.log(share)))
    deep, shallow = (
        _by_seed(training[start & (depth == d)], share[start & (depth == d)], "mean")
        for d in (depth.max(), depth.min())
    )
    return [
        _statement(1).over_seeds(
            "regions on a line / N, mean over networks",
            _by_seed(training[start], share[start], "mean"),
            above=0.85,
            below=1.15,
        ),
        _statement(2).over_seeds(
            "largest factor between regions on a line and N, over networks and epochs",
            _by_seed(training, factor, "max"),
            below=_LONGEST_FACTOR,
        ),
        _slope(training, "regions_line", last, f"exponent of N at epoch {last:g}", 3, 1.0),
        _statement(4).over_pairs(
            f"regions on a line / N at initialization, {depth.max()} layers minus {depth.min()}",
            deep,
            shallow,
            above=-0.15,
            below=0.15,
        ),
    ]


def _planes(training: pandas.DataFrame) -> list[Claim]:
    planes = training.dropna(subset=["regions_plane"])
    share = planes["regions_plane"] / planes["units"] ** 2
    start, last = planes["epoch"] == 0, planes["epoch"].max()
    return [
        _statement(5).over_seeds(
            "regions in a plane / N^2, mean over networks",
            _by_seed(planes[start], share[start], "mean"),
            above=0.4,
            below=0.6,
        ),
        _statement(6).over_seeds(
            "largest regions in a plane / N^2, over networks and epochs", _by_seed(planes, share, "max"), below=1.0
        ),
        _statement(7).over_pairs(
            "regions in a plane / N^2, epoch 1 minus initialization", *_change(planes, share, 0.0, 1.0), below=0.0
        ),
        _statement(8).over_pairs(
            f"regions in a plane / N^2, epoch {last:g} minus epoch 1", *_change(planes, share, 1.0, last), above=0.0
        ),
    ]


def _window(training: pandas.DataFrame) -> list[Claim]:
    windows = training.dropna(subset=["regions_window"])
    share = windows["regions_window"] / windows["units"] ** 2
    last = windows["epoch"].max()
    return [
        _statement(9).over_pairs(
            "regions in the square / N^2, epoch 1 minus initialization", *_change(windows, share, 0.0, 1.0), below=0.0
        ),
        _statement(10).over_pairs(
            f"regions in the square / N^2, epoch {last:g} minus epoch 1", *_change(windows, share, 1.0, last), above=0.0
        ),
    ]


def _distances(training: pandas.DataFrame) -> list[Claim]:
    scaled = training["distance_random"] * training["units"]
    epochs, last = common_epochs(training), training["epoch"].max()
    # one network of one seed may lie outside of curves that are meant for means
    mean = scaled.groupby([training["seed"], training["epoch"]]).mean()
    outside = np.maximum(mean / _DISTANCE_HIGH, _DISTANCE_LOW / mean)
    after = min(epoch for epoch in epochs if epoch > 0)
    return [
        _statement(11).over_seeds(
            "largest over epochs of d N / 2 and 0.4 / (d N), with d N the mean over networks of distance times units",
            outside.groupby(level="seed").max().to_numpy(),
            below=1.0,
        ),
        _slope(training, "distance_random", 0.0, "exponent of N at initialization", 12, -1.0),
        _slope(training, "distance_random", epochs[-1], f"exponent of N at epoch {epochs[-1]:g}", 13, -1.0),
        _statement(14).over_pairs(
            f"distance N at random points, epoch {after:g} minus initialization",
            *_change(training, scaled, 0.0, after),
            below=0.0,
        ),
        _statement(15).over_pairs(
            f"distance N at random points, epoch {last:g} minus epoch {after:g}",
            *_change(training, scaled, after, last),
            above=0.0,
        ),
        _statement(16).not_testable("the constant C is not given: any number is in accord with the claim"),
    ]


def _labels(labels: pandas.DataFrame) -> list[Claim]:
    share = labels["regions_line"] / labels["units"]
    end = labels["epoch"] == labels["epoch"].max()
    most, least = labels["fraction"].max(), labels["fraction"].min()
    noisy, true = (
        _by_seed(labels[end & (labels["fraction"] == f)], share[end & (labels["fraction"] == f)], "mean")
        for f in (most, least)
    )
    return [
        _statement(17).over_pairs(
            f"regions on a line / N at the end, {100 * most:g} % of the labels replaced minus {100 * least:g} %",
            noisy,
            true,
            above=0.0,
        ),
        _statement(18).over_seeds(
            "largest regions on a line / N, over shares of noise and epochs",
            _by_seed(labels, share, "max"),
            below=_LONGEST_FACTOR,
        ),
    ]


def _points(points: pandas.DataFrame) -> list[Claim]:
    share = points["regions_space"] / points["units"] ** 2
    final = points.assign(share=share)[points["step"] == points["step"].max()]
    sweep = final[_common(final, "learning_rate")]
    regions = sweep.pivot_table(index="seed", columns="learning_rate", values="share")
    accuracy = sweep.pivot_table(index="seed", columns="learning_rate", values="train_accuracy")
    others = regions.drop(columns=0.001).max(axis=1)
    return [
        _statement(19).over_seeds(
            "largest regions in the plane / N^2, over all settings and times", _by_seed(points, share, "max"), below=1.0
        ),
        _statement(20).over_pairs(
            "regions in the plane / N^2, rate 0.001 minus the best of the others",
            regions[0.001].to_numpy(),
            others.to_numpy(),
            above=0.0,
        ),
        _statement(21).over_pairs(
            "share of the points learned, rate 0.01 minus 0.001",
            accuracy[0.01].to_numpy(),
            accuracy[0.001].to_numpy(),
            below=0.0,
        ),
    ]


def _common(frame: pandas.DataFrame, varied: str) -> pandas.Series:
    """Where all swept settings but one have their most frequent value."""
    kept = frame["seed"] >= 0
    for name in {"examples", "learning_rate", "weight_variance", "bias_std"} - {varied}:
        kept &= frame[name] == frame[name].mode().iloc[0]
    return kept


def _sawtooth(sawtooth: pandas.DataFrame) -> list[Claim]:
    largest = sawtooth[(sawtooth["depth"] == sawtooth["depth"].max())]
    strongest = largest[largest["noise"] == largest["noise"].max()]
    left = strongest["pieces"] / strongest["pieces_without_noise"]
    noise, pieces = strongest["noise"].iloc[0], strongest["pieces_without_noise"].iloc[0]
    what = f"share left of {pieces:g} pieces with noise of standard deviation {noise:g}"
    return [_statement(22).over_seeds(what, _by_seed(strongest, left, "mean"), below=0.5)]


def _accuracy(training: pandas.DataFrame) -> Claim:
    last = training["epoch"].max()
    end = training[training["epoch"] == last]
    values = _by_seed(end, end["test_accuracy"], "mean")
    what = f"share of test images right at epoch {last:g}, mean over networks"
    return _statement(23).over_seeds(what, values, above=0.95, below=0.98)

"""Draw which bound on the number of regions is tightest where, and how far networks stay below it.

    python examples/which_bound.py [--out FOLDER] [--networks 20]

It writes four pictures into the folder, `bounds-regimes.png`, `bounds-random.png`, `bounds-depth.png` and
`bounds-balls.png`, and prints what the second and the last one show (about a minute on one core). With `--list` it
prints all bounds as a table of Markdown instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import vitrail
from vitrail.balls import count_in_ball, local_bound, sampled_regions_in_ball
from vitrail.bounds import Architecture, Constants, Setting, Statement, available, evaluate, table
from vitrail.bounds.depth import compare, smallest_winning_depth
from vitrail.bounds.values import log10_of
from vitrail.data import digits_network_path, digits_samples
from vitrail.estimates import Initialization
from vitrail.plots.palette import INK

UPPER, LOWER, OTHER, GRID = "#0072b2", "#d55e00", "#6b7280", "#e5e7eb"
ALONE = {"interval": "#cc79a7", "sphere": "#8a63b0", "relaxation": "#e69f00"}
DASHES = ((0, (1, 1)), (0, (4, 1.5)), (0, (6, 1.5, 1.5, 1.5)), "solid")

EVEN, NECK = (16, 16, 16, 16), (16, 4, 16, 16)
INPUTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32, 48, 64)
UPPER_NAMES = {
    "montufar2014": r"$2^N$: all patterns",
    "raghu2017": "Raghu et al. 2017",
    "montufar2017": "Montúfar 2017",
    "serra2018": "Serra et al. 2018",
}
LOWER_NAMES = {
    "serra2018_lower": "Serra et al. 2018",
    "montufar2014_lower": "Montúfar et al. 2014",
    "serra2018_zonotope": "zonotope, Serra et al. 2018",
    "pascanu2013_lower": "Pascanu et al. 2013",
}

WIDTH, DEPTHS = 8, (1, 2, 3, 4, 5, 6)
INPUT_NUMBERS, FACTORS = (1, 2, 3, 5, 10), (2, 3, 4)
RADII_PLANE, RADII_DIGITS = np.geomspace(0.02, 4.0, 16), np.geomspace(0.01, 4.0, 14)
SAMPLES = 20_000


def ratios(hidden: Sequence[int], inputs: Sequence[int], names: Sequence[str]) -> dict[str, list[float | None]]:
    """Return log10 of each bound divided by the tightest upper one, per number of inputs; None where it fails."""
    found: dict[str, list[float | None]] = {name: [] for name in names}
    for number in inputs:
        rows = table([number, *hidden, 1])
        values, tightest = {row.name: row.log10 for row in rows}, rows.tightest_upper
        for name in names:
            found[name].append(None if tightest is None or name not in values else values[name] - tightest.log10)
    return found


def proven(count: vitrail.Count) -> int:
    """Return the number, where it is exact and proven; stop otherwise, as a picture must not call it exact."""
    if not count.status.proven:
        raise SystemExit(f"expected a proven count, found {count!r}")
    return int(count)


def random_counts(bias: float, domain: vitrail.Space | vitrail.Box, networks: int) -> np.ndarray:
    """Return exact numbers of activation regions of random networks of two inputs, (depths, networks)."""
    found = np.zeros((len(DEPTHS), networks), dtype=np.int64)
    for row, depth in enumerate(DEPTHS):
        for seed in range(networks):
            net = Initialization.he(bias).sample([2, *[WIDTH] * depth, 1], seed)
            found[row, seed] = proven(vitrail.count_regions(net, domain))
    return found


def on_mean(name: str, depth: int, bias: float, sides: tuple[float, ...]) -> float:
    """Return log10 of a bound on the mean number of regions in a box."""
    setting = Setting(Architecture.of([2, *[WIDTH] * depth, 1]), lengths=sides, constants=Constants.he(bias))
    return evaluate(name, setting).log10


def in_balls(net: vitrail.Network, centers: np.ndarray, radii: np.ndarray) -> dict[str, np.ndarray]:
    """Return log10 of the bound by each way of bounding units alone, and by all of them, (centers, radii)."""
    found = local_bound(net, centers, radii, engines="all")
    alone = {name: np.vectorize(log10_of, otypes=[float])(own) for name, own in found.bounds_by_engine.items()}
    return alone | {"all": found.log10}


def winning_depths(bound: str) -> dict[int, list[int | None]]:
    """Return per number of inputs the smallest depth at which layers of 2, 3 and 4 times as many units win."""
    return {n0: [smallest_winning_depth(n0, factor * n0, bound) for factor in FACTORS] for n0 in INPUT_NUMBERS}


def needs(statement: Statement) -> str:
    """Return what must be known, in words."""
    return ", ".join(sorted(need.value for need in statement.needs))


def list_of_bounds() -> str:
    """Return all bounds as a table of Markdown."""
    lines = ["| bound | value | what it bounds | needs | confidence | reference |", "|---|---|---|---|---|---|"]
    for one in available():
        formula = one.formula.replace("|", "\\|")
        cells = [f"`{one.name}`", f"`{formula}`", f"{one.kind.value}, {one.counts.value} regions", needs(one)]
        lines.append(f"| {' | '.join(cells)} | {one.confidence.value} | {one.reference} |")
    return "\n".join(lines)


def polish(ax: Axes, title: str, ylabel: str) -> None:
    """Give a panel its title, label and grid, and powers of ten to an axis of logarithms."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))
    ax.set_title(title, loc="left", fontsize="medium", color=INK)
    ax.set_ylabel(ylabel)
    ax.grid(color=GRID, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def lines(ax: Axes, x: Sequence[int], rows: Mapping[str, Sequence[float | None]], labels: Mapping[str, str]) -> None:
    """Draw rows of logarithms in the color of their kind, the weakest one dotted."""
    upper, lower = 0, 0
    for name, values in rows.items():
        below = name in LOWER_NAMES
        dash = DASHES[::-1][lower] if below else DASHES[upper]
        lower, upper = lower + below, upper + (not below)
        heights = [np.nan if value is None else value for value in values]
        ax.plot(x, heights, color=LOWER if below else UPPER, linestyle=dash, linewidth=1.6, label=labels[name])


def draw_regimes() -> Figure:
    """Draw bounds divided by the tightest against the number of inputs."""
    figure, axes = plt.subplots(1, 3, figsize=(12.5, 4.3), layout="constrained", width_ratios=(1.25, 1, 1))
    labels = UPPER_NAMES | LOWER_NAMES
    lines(axes[0], INPUTS, ratios(EVEN, INPUTS, list(labels)), labels)
    polish(axes[0], "a  4 layers of 16", "bound / tightest upper bound")
    for ax, hidden, letter in ((axes[1], EVEN, "b"), (axes[2], NECK, "c")):
        lines(ax, INPUTS, ratios(hidden, INPUTS, list(UPPER_NAMES)), labels)
        polish(ax, f"{letter}  upper bounds, {'-'.join(map(str, hidden))}", "")
    axes[1].set_ylim(-0.1, 3.1)
    axes[2].set_ylim(-0.1, 6.1)
    for ax, narrowest in zip(axes, (min(EVEN), min(EVEN), min(NECK)), strict=True):
        ax.axhline(0.0, color=INK, linewidth=1.0, zorder=1, label="tightest upper bound" if ax is axes[0] else None)
        ax.axvspan(narrowest // 2, INPUTS[-1], color=GRID, alpha=0.5, linewidth=0)
        ax.set_xscale("log", base=2)
        ax.set_xticks([1, 2, 4, 8, 16, 32, 64], ["1", "2", "4", "8", "16", "32", "64"])
        ax.set_xlim(1, INPUTS[-1])
        ax.set_xlabel("inputs")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=5, frameon=False, fontsize="small")
    return figure


def dots(ax: Axes, counts: np.ndarray) -> None:
    """Draw every count, side by side at its depth, and the medians."""
    spread = np.linspace(-0.22, 0.22, counts.shape[1])
    for depth, row in zip(DEPTHS, counts, strict=True):
        ax.scatter(depth + spread, np.log10(row), s=9, color=INK, alpha=0.45, linewidths=0)
    ax.plot(
        DEPTHS, np.log10(np.median(counts, axis=1)), color=INK, linewidth=1.6, label="random networks, exact: median"
    )


def draw_random(networks: int) -> Figure:
    """Draw exact counts of random networks below the bounds, in the plane and in a square."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained", sharey=True)
    upper, lower = [], []
    for depth in DEPTHS:
        found = table([2, *[WIDTH] * depth, 1])
        if found.tightest_upper is None or found.tightest_lower is None:
            raise SystemExit(f"depth {depth}: expected bounds from both sides")
        upper.append(found.tightest_upper.log10)
        lower.append(found.tightest_lower.log10)
    plane, square = vitrail.Space(2), vitrail.Box([-1.0, -1.0], [1.0, 1.0])
    counts = [random_counts(0.1, plane, networks), random_counts(1.0, square, networks)]
    titles = ["a  the whole plane", r"b  the square $[-1, 1]^2$, biases of deviation 1"]
    for ax, numbers, title in zip(axes, counts, titles, strict=True):
        ax.plot(DEPTHS, upper, color=UPPER, linewidth=1.6, label="tightest upper bound")
        ax.plot(DEPTHS, lower, color=LOWER, linewidth=1.6, label="some network has so many")
        dots(ax, numbers)
        polish(ax, f"{title}: 2 inputs, layers of {WIDTH}", "")
        ax.set_xlabel("hidden layers")
        ax.set_xticks(DEPTHS)
    axes[0].set_ylabel("activation regions")
    for name, dash, label in (
        ("vitrail_cube", DASHES[1], "upper bound on the mean (vitrail_cube)"),
        ("hanin2019patterns", DASHES[0], "the same, Hanin and Rolnick 2019"),
    ):
        values = [on_mean(name, depth, 1.0, (2.0, 2.0)) for depth in DEPTHS]
        axes[1].plot(DEPTHS, values, color=OTHER, linestyle=dash, linewidth=1.6, label=label)
    for ax in axes:
        ax.legend(frameon=False, fontsize="small", loc="upper left")
    show_counts("plane", counts[0], upper)
    show_counts("square", counts[1], upper)
    return figure


def show_counts(where: str, counts: np.ndarray, upper: Sequence[float]) -> None:
    """Print medians of counts beside the bound."""
    for depth, row, bound in zip(DEPTHS, counts, upper, strict=True):
        middle = np.median(row)
        print(
            f"{where}, {depth} x {WIDTH}: {row.min()} to {row.max()}, median {middle:g}, bound {10**bound:.4g}, "
            f"{10**bound / middle:.3g} times the median"
        )


def draw_depth() -> Figure:
    """Draw deep against shallow networks, and from which depth on deep ones win."""
    figure, axes = plt.subplots(1, 3, figsize=(12.5, 4.3), layout="constrained")
    for ax, n0, letter in ((axes[0], 2, "a"), (axes[1], 16, "b")):
        depths = list(range(1, 13))
        found = [compare(n0, 8, depth) for depth in depths]
        low, high = (
            [log10_of(value) for value in row]
            for row in ([one.deep_lower for one in found], [one.deep_upper for one in found])
        )
        ax.fill_between(depths, low, high, color=LOWER, alpha=0.18, linewidth=0, label="deep: the maximum lies here")
        ax.plot(depths, low, color=LOWER, linewidth=1.6)
        ax.plot(depths, high, color=LOWER, linewidth=1.6)
        for values, dash, label in (
            ([one.shallow_regions for one in found], "solid", "one layer of as many units"),
            ([one.equal_regions for one in found], DASHES[1], "one layer of as many parameters"),
        ):
            heights = [log10_of(value) for value in values]
            ax.plot(depths, heights, color=UPPER, linestyle=dash, linewidth=1.6, label=label)
        polish(ax, f"{letter}  {n0} inputs, layers of 8", "regions" if n0 == 2 else "")
        ax.set_xlabel("hidden layers")
        ax.set_xticks(depths[::2])
        ax.legend(frameon=False, fontsize="small", loc="upper left")
    bars(axes[2])
    return figure


def bars(ax: Axes) -> None:
    """Draw the smallest winning depths of the oldest and of the best bound."""
    first, best = winning_depths("pascanu2013"), winning_depths("best")
    shades = ("#56b4e9", UPPER, "#332288")
    for place, (factor, color) in enumerate(zip(FACTORS, shades, strict=True)):
        x = np.arange(len(INPUT_NUMBERS)) + 0.26 * (place - 1)
        ax.bar(x, [first[n0][place] or 0 for n0 in INPUT_NUMBERS], 0.24, color=color, label=f"layers of {factor} $n_0$")
        ax.hlines([best[n0][place] or 0 for n0 in INPUT_NUMBERS], x - 0.12, x + 0.12, color=LOWER, linewidth=2.5)
    ax.plot([], [], color=LOWER, linewidth=2.5, label="by the best lower bound")
    ax.set_xticks(range(len(INPUT_NUMBERS)), [str(n0) for n0 in INPUT_NUMBERS])
    ax.set_xlabel("inputs $n_0$")
    ax.set_ylabel("layers from which deep has more (equal units)")
    ax.set_title("c  Pascanu et al. 2013, and today", loc="left", fontsize="medium", color=INK)
    ax.grid(axis="y", color=GRID, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize="small", loc="upper left")


def draw_balls() -> Figure:
    """Draw bounds in balls against the radius: a random network in the plane, and the classifier of digits."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    net = Initialization.he(0.5).sample([2, 16, 16, 1], 3)
    center = np.array([[0.3, -0.2]])
    bounds = in_balls(net, center, RADII_PLANE)
    counts = [proven(count_in_ball(net, center[0], radius)) for radius in RADII_PLANE]
    ball_lines(axes[0], RADII_PLANE, bounds, "a  2-16-16-1 at random, one center")
    marked(axes[0], RADII_PLANE, np.array([counts]), INK, "s", "exact count")
    ceiling(axes[0], net, RADII_PLANE)
    show_balls("plane", RADII_PLANE, bounds, counts)

    net = vitrail.Network.from_file(digits_network_path())
    images, _ = digits_samples()
    digits = images.reshape(20, 64)[::2] / 16
    bounds = in_balls(net, digits, RADII_DIGITS)
    seen = np.array([[int(sampled_regions_in_ball(net, x, r, SAMPLES)) for r in RADII_DIGITS] for x in digits])
    cut = np.zeros_like(seen)
    for place, x in enumerate(digits):
        frame = np.random.default_rng(place).normal(size=(2, 64))
        cut[place] = [proven(count_in_ball(net, x, r, frame=frame)) for r in RADII_DIGITS]
    ball_lines(axes[1], RADII_DIGITS, bounds, f"b  64-24-24-10 trained on digits, medians over {len(digits)} digits")
    marked(axes[1], RADII_DIGITS, seen, LOWER, "^", f"seen in {SAMPLES:,} points (lower bound)")
    marked(axes[1], RADII_DIGITS, cut, INK, "s", "exact count in a plane (lower bound)")
    ceiling(axes[1], net, RADII_DIGITS)
    show_balls("digits", RADII_DIGITS, bounds, np.median(seen, axis=0).tolist())
    for ax in axes:
        ax.set_xscale("log")
        ax.set_xlabel("radius (input units)")
        ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(0.0, 0.95))
    return figure


def ball_lines(ax: Axes, radii: np.ndarray, bounds: Mapping[str, np.ndarray], title: str) -> None:
    """Draw the bound of every way alone, and of all together."""
    ax.plot(radii, np.median(bounds["all"], axis=0), color=UPPER, linewidth=3.5, label="local_bound: all together")
    for (engine, color), dash in zip(ALONE.items(), DASHES, strict=False):
        heights = np.median(bounds[engine], axis=0)
        ax.plot(radii, heights, color=color, linestyle=dash, linewidth=1.6, label=f"{engine} alone")
    polish(ax, title, "activation regions that meet the ball")


def marked(ax: Axes, radii: np.ndarray, counts: np.ndarray, color: str, marker: str, label: str) -> None:
    """Draw medians of counts (centers, radii) with markers."""
    heights = np.log10(np.median(counts, axis=0))
    ax.plot(radii, heights, color=color, linewidth=1.6, marker=marker, markersize=4, label=label)


def ceiling(ax: Axes, net: vitrail.Network, radii: np.ndarray) -> None:
    """Draw the tightest bound of the whole space."""
    bound = table(net, count=None).tightest_upper
    height = np.nan if bound is None else bound.log10
    ax.axhline(height, color=OTHER, linewidth=1.2, linestyle=DASHES[0])
    ax.annotate("tightest bound of the whole space", (radii[0], height), va="bottom", color=OTHER, fontsize="small")


def show_balls(name: str, radii: np.ndarray, bounds: Mapping[str, np.ndarray], known: Sequence[float]) -> None:
    """Print medians of the bounds beside a count."""
    middle = {engine: np.median(values, axis=0) for engine, values in bounds.items()}
    for place, radius in enumerate(radii):
        shown = ", ".join(f"{engine} {values[place]:.2f}" for engine, values in middle.items())
        print(f"{name}, radius {radius:.3g}: log10 {shown}; count {known[place]:g}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the pictures, or print the list."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(), help="folder of the pictures (default: the current one)")
    parser.add_argument("--networks", type=int, default=20, help="random networks per depth")
    parser.add_argument("--list", action="store_true", help="print all bounds as a table of Markdown, and draw nothing")
    options = parser.parse_args(arguments)
    if options.networks < 1:
        parser.error(f"--networks: expected at least 1, found {options.networks}")
    if options.list:
        print(list_of_bounds())
        return
    options.out.mkdir(parents=True, exist_ok=True)
    drawn = {
        "regimes": draw_regimes(),
        "random": draw_random(options.networks),
        "depth": draw_depth(),
        "balls": draw_balls(),
    }
    for name, figure in drawn.items():
        figure.savefig(options.out / f"bounds-{name}.png", dpi=140)
        plt.close(figure)
    print(f"wrote {', '.join(f'bounds-{name}.png' for name in drawn)} into {options.out.resolve()}")


if __name__ == "__main__":
    main()

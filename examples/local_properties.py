"""Compare the linear regions of digit classifiers at test digits: plain, with batch norm, with dropout.

A small version of an experiment of Zhang and Wu, "Empirical Studies on the Properties of Linear Regions in Deep Neural
Networks" (ICLR 2020): networks 64-48-48-10 on the 8 x 8 digits of scikit-learn, in the box [0, 1]^64. Some minutes:

    python examples/local_properties.py [--seeds 0 1 2] [--epochs 120] [--regions 12] [--out FOLDER]

It prints one table, whose entries are ranges over the seeds, and says of each claim of the paper that the table can
test whether its direction is found on these seeds. It writes `local_properties.csv` (one row per region) and
`local_properties.png` (radii and angles) into the folder.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import vitrail
from vitrail.plots.palette import class_colors

WIDTHS = (64, 48, 48, 10)
VARIANTS = ("plain", "batch norm", "dropout")
DROPOUT = 0.5
RATE = 0.001
BATCH = 64
HELD_OUT = 597  # of 1,797 digits
HALVINGS = 40

# column -> what it is; all but the accuracies are means over the regions of a network
MEASURES = {
    "training_accuracy": "accuracy on training digits",
    "test_accuracy": "accuracy on test digits",
    "inradius": "radius of the insphere",
    "facets": "facets that units make",
    "facet_cosine": "mean |cos| between facet normals",
    "unit_cosine": "mean |cos| between all units' normals",
    "crossed": "crossed by a decision boundary",
    "reachable": "other classes reachable",
    "gradient_cosine": "gradient cosine across facets",
    "boundary_inradius": "radius at a decision boundary",
    "boundary_ratio": "the same / radius at digits",
}


@dataclass(frozen=True)
class Claim:
    """One direction: a variant's measure is smaller (sign -1) or larger (+1) than that of the plain network."""

    text: str
    variant: str
    measure: str
    sign: int


# The paper's claims in our own measures. The last one is about regions at decision boundaries: the share of regions at
# digits that a decision boundary crosses does not test it.
CLAIMS = (
    Claim("batch norm makes regions smaller", "batch norm", "inradius", -1),
    Claim("batch norm makes facet normals more orthogonal", "batch norm", "facet_cosine", -1),
    Claim("batch norm makes all normals more orthogonal", "batch norm", "unit_cosine", -1),
    Claim("dropout makes facet normals less orthogonal", "dropout", "facet_cosine", +1),
    Claim("dropout makes all normals less orthogonal", "dropout", "unit_cosine", +1),
    Claim("dropout makes regions small at decision boundaries, compared with those at digits",
          "dropout", "boundary_ratio", -1),
)  # fmt: skip


def build(variant: str) -> torch.nn.Sequential:
    """Return an untrained network with He-normal weights and zero biases."""
    layers: list[torch.nn.Module] = []
    for inputs, outputs in itertools.pairwise(WIDTHS):
        linear = torch.nn.Linear(inputs, outputs)
        torch.nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        torch.nn.init.zeros_(linear.bias)
        layers.append(linear)
        if outputs != WIDTHS[-1]:
            layers += [torch.nn.BatchNorm1d(outputs)] if variant == "batch norm" else []
            layers += [torch.nn.ReLU()]
            layers += [torch.nn.Dropout(DROPOUT)] if variant == "dropout" else []
    return torch.nn.Sequential(*layers)


def train(model: torch.nn.Sequential, inputs: torch.Tensor, labels: torch.Tensor, epochs: int) -> None:
    """Fit the model in place and leave it in evaluation mode."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(inputs)).split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(inputs[batch]), labels[batch]).backward()
            optimizer.step()
    model.eval()


def predictions(net: vitrail.Network, inputs: np.ndarray) -> np.ndarray:
    """Return the class of each input."""
    return net.forward(inputs).argmax(dim=1).numpy()


def towards_boundary(net: vitrail.Network, point: np.ndarray, others: np.ndarray) -> np.ndarray | None:
    """Return the last point of the point's class on the way to the nearest input of another class; None without one."""
    own = predictions(net, point[None])[0]
    others = others[predictions(net, others) != own]
    if not len(others):
        return None
    way = others[np.linalg.norm(others - point, axis=1).argmin()] - point
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if predictions(net, (point + middle * way)[None])[0] == own:
            low = middle
        else:
            high = middle
    return point + low * way


def measure(net: vitrail.Network, point: np.ndarray, others: np.ndarray, box: vitrail.Box) -> dict[str, object]:
    """Return the measures of the region at a point, and the radius of a region where its class ends."""
    region = vitrail.region_at(net, point, box)
    ball, facets, decision = region.insphere(), region.facets(), region.decision()
    neighbors = region.neighbors(facets=facets)
    cosines = neighbors.gradient_cosines
    near = towards_boundary(net, point, others)
    proven = all(part.status.proven for part in (region, ball, facets, decision, neighbors))
    return {
        "status": "certified" if proven else "uncertified",
        "inradius": ball.radius,
        "facets": len(facets),
        "facet_cosine": region.directions(rows=facets.rows).mean,
        "unit_cosine": region.directions().mean,
        "crossed": float(decision.crossed),
        "reachable": len(decision.reachable) - 1,
        "gradient_cosine": np.nanmean(cosines) if np.isfinite(cosines).any() else np.nan,
        "undefined_cosines": int(np.isnan(cosines).sum()),
        "boundary_inradius": np.nan if near is None else vitrail.region_at(net, near, box).insphere().radius,
    }


def experiment(seed: int, epochs: int, regions: int) -> pd.DataFrame:
    """Train the variants with one seed and measure regions at the same test digits; one row per region."""
    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(images / 16, labels, test_size=HELD_OUT, stratify=labels, random_state=seed)
    train_images, test_images, train_labels, test_labels = parts
    inputs, targets = torch.from_numpy(train_images).float(), torch.from_numpy(train_labels)
    points = test_images[np.random.default_rng(seed).choice(len(test_images), regions, replace=False)]
    box = vitrail.Box([0.0] * WIDTHS[0], [1.0] * WIDTHS[0])
    frames = []
    for variant in VARIANTS:
        torch.manual_seed(seed)
        start = time.perf_counter()
        model = build(variant)
        train(model, inputs, targets, epochs)
        trained = time.perf_counter()
        net = vitrail.Network.from_torch(model, inputs[:1])
        frame = pd.DataFrame([measure(net, point, test_images, box) for point in points])
        accuracies = {
            "training_accuracy": (predictions(net, train_images) == train_labels).mean(),
            "test_accuracy": (predictions(net, test_images) == test_labels).mean(),
        }
        frames.append(frame.assign(variant=variant, seed=seed, **accuracies))
        print(
            f"{variant}, seed {seed}: trained in {trained - start:.1f} s, "
            f"{regions} regions measured in {time.perf_counter() - trained:.1f} s"
        )
    return pd.concat(frames, ignore_index=True)


def summarize(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the measures of each network: means over its regions, indexed by variant and seed."""
    columns = [name for name in MEASURES if name in rows]
    means = rows.groupby(["variant", "seed"])[columns].mean()
    return means.assign(boundary_ratio=means.boundary_inradius / means.inradius)


def range_text(values: pd.Series) -> str:
    """Return the smallest and the largest value, or the one there is."""
    low, high = f"{values.min():.3f}", f"{values.max():.3f}"
    return low if low == high else f"{low} to {high}"


def table(means: pd.DataFrame) -> str:
    """Return the table of measures by variants; an entry is the range over the seeds."""
    entries = {variant: [range_text(means.loc[variant][name]) for name in MEASURES] for variant in VARIANTS}
    return pd.DataFrame(entries, index=list(MEASURES.values())).to_string()


def verdict(claim: Claim, means: pd.DataFrame) -> str:
    """Say on how many seeds the claim's direction is found, and whether the ranges over the seeds overlap."""
    plain, other = means.loc["plain"][claim.measure], means.loc[claim.variant][claim.measure]
    differences = claim.sign * (other - plain)
    if differences.isna().any():
        return f"not tested: {claim.text} (a network has no value)"
    found = int((differences > 0).sum())
    word = "yes" if found == len(differences) else "no" if found == 0 else "mixed"
    apart = (claim.sign * other).min() > (claim.sign * plain).max()
    seeds = f"on {found} of {len(differences)} seeds"
    ranges = f"{range_text(other)}, plain {range_text(plain)}; ranges {'apart' if apart else 'overlap'}"
    return f"{word}, {seeds}: {claim.text} ({ranges})"


def draw(rows: pd.DataFrame, path: Path) -> None:
    """Draw the radius and the angles of every region, by variant."""
    panels = {
        "inradius": "radius of the insphere (input units)",
        "facet_cosine": "mean |cos| between facet normals",
    }
    figure, axes = plt.subplots(1, len(panels), figsize=(9, 3.6), layout="constrained")
    colors = class_colors(np.arange(len(VARIANTS)), WIDTHS[-1])
    for ax, (column, label) in zip(axes, panels.items(), strict=True):
        for place, (variant, color) in enumerate(zip(VARIANTS, colors, strict=True)):
            values = rows.loc[rows.variant == variant, column].to_numpy()
            shift = 0.5 * (np.arange(len(values)) / max(len(values) - 1, 1) - 0.5)
            ax.scatter(place + shift, values, s=18, color=color, alpha=0.7, linewidths=0)
            ax.hlines(values.mean(), place - 0.3, place + 0.3, color=color)
        ax.set_xticks(range(len(VARIANTS)), VARIANTS)
        ax.set_ylabel(label)
        ax.set_ylim(bottom=0)
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=180)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment, print the table and the verdicts, write the two files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one training of each variant per seed")
    parser.add_argument("--epochs", type=int, default=120, help="passes over the training digits")
    parser.add_argument("--regions", type=int, default=12, help="test digits per network")
    parser.add_argument("--out", type=Path, default=Path(), help="folder of the two files (default: the current one)")
    options = parser.parse_args(arguments)
    if not 1 <= options.regions <= HELD_OUT:
        parser.error(f"--regions: expected 1 to {HELD_OUT} test digits, found {options.regions}")

    # one thread: the same machine finds the same numbers again, and networks this small gain nothing from more
    torch.set_num_threads(1)
    rows = pd.concat([experiment(seed, options.epochs, options.regions) for seed in options.seeds], ignore_index=True)
    means = summarize(rows)
    print(f"\n{table(means)}\n")
    statuses = ", ".join(f"{count} {status}" for status, count in rows.status.value_counts().items())
    print(f"regions at digits: {statuses}; facets whose gradient cosine is undefined: {rows.undefined_cosines.sum()}\n")
    print("claims of Zhang and Wu (2020), by direction; so few seeds and regions show no more:")
    for claim in CLAIMS:
        print(f"  {verdict(claim, means)}")

    options.out.mkdir(parents=True, exist_ok=True)
    rows.to_csv(options.out / "local_properties.csv", index=False)
    draw(rows, options.out / "local_properties.png")
    print(f"\nwrote local_properties.csv and local_properties.png into {options.out.resolve()}")


if __name__ == "__main__":
    main()

"""Train the small digit classifier that ships with Vitrail, and pick the sample digits the demo shows.

The data are the 8 x 8 digits of scikit-learn (1,797 images, pixels 0 to 16). The network is 64-24-24-10 with ReLU, its
inputs are pixels / 16. Takes a few seconds on one core:

    python examples/train_digits.py [--out FOLDER]

It writes `digits.npz` (W1, b1, ..., W3, b3; float32, weights as (outputs, inputs)) and `digits_samples.npz` (uint8
images of digits the network was not trained on, two clear ones of each class, with their labels).
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

PACKAGE_DATA = Path(__file__).resolve().parents[1] / "src" / "vitrail" / "data"
WIDTHS = (64, 24, 24, 10)
SEED = 0
EPOCHS = 60
BATCH = 32
SAMPLES_PER_CLASS = 2


def build() -> torch.nn.Sequential:
    """Return the untrained network: linear layers with ReLU between them."""
    layers: list[torch.nn.Module] = []
    for inputs, outputs in itertools.pairwise(WIDTHS):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def train(model: torch.nn.Sequential, inputs: torch.Tensor, labels: torch.Tensor) -> None:
    """Fit the model in place with Adam and a one-cycle learning rate."""
    steps = EPOCHS * -(-len(inputs) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(inputs)).split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(inputs[batch]), labels[batch]).backward()
            optimizer.step()
            schedule.step()


@torch.no_grad()
def accuracy(model: torch.nn.Sequential, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of inputs that the model labels right."""
    return (model(inputs).argmax(dim=1) == labels).double().mean().item()


@torch.no_grad()
def clear_examples(model: torch.nn.Sequential, inputs: torch.Tensor, labels: torch.Tensor) -> list[int]:
    """Return the indices of the digits of each class with the largest lead over every other class."""
    logits = model(inputs)
    own = logits.gather(1, labels[:, None])[:, 0]
    others = logits.scatter(1, labels[:, None], -torch.inf).amax(dim=1)
    lead = own - others
    chosen: list[int] = []
    for label in range(WIDTHS[-1]):
        members = torch.nonzero(labels == label)[:, 0]
        chosen += members[lead[members].argsort(descending=True)[:SAMPLES_PER_CLASS]].tolist()
    return chosen


def main() -> None:
    """Train, report the accuracy, write the two files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=PACKAGE_DATA, help="folder of the two files (default: the package's)"
    )
    out: Path = parser.parse_args().out

    # one thread and one seed: the same machine writes the same files again
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    images, labels = load_digits(return_X_y=True)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images.astype(np.uint8), labels, test_size=450, stratify=labels, random_state=SEED
    )
    train_inputs, test_inputs = (torch.from_numpy(x).float() / 16 for x in (train_images, test_images))
    train_targets, test_targets = torch.from_numpy(train_labels), torch.from_numpy(test_labels)

    model = build()
    train(model, train_inputs, train_targets)
    print(f"training digits: {accuracy(model, train_inputs, train_targets):.2%} of {len(train_inputs)} right")
    print(f"held-out digits: {accuracy(model, test_inputs, test_targets):.2%} of {len(test_inputs)} right")

    linear = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
    arrays = {f"W{i}": layer.weight.detach().numpy() for i, layer in enumerate(linear, start=1)}
    arrays |= {f"b{i}": layer.bias.detach().numpy() for i, layer in enumerate(linear, start=1)}
    chosen = clear_examples(model, test_inputs, test_targets)
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / "digits.npz", **dict(sorted(arrays.items())))
    np.savez(
        out / "digits_samples.npz",
        images=test_images[chosen].reshape(-1, 8, 8),
        labels=test_labels[chosen].astype(np.uint8),
    )
    for name in ("digits.npz", "digits_samples.npz"):
        print(f"wrote {out / name} ({(out / name).stat().st_size} bytes)")


if __name__ == "__main__":
    main()

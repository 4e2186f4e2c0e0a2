"""affinitree's side, run by its own interpreter: reads a network's file per line, answers with seconds and regions."""

from __future__ import annotations

import json
import os
import sys
import warnings

import space_cases

warnings.filterwarnings("ignore", "PyTorch not available")

import affinitree  # noqa: E402

from oracles import networks  # noqa: E402


def count(layers: networks.Layers) -> int:
    """Regions of the box [-1, 1]^n: leaves of the decision tree; linear programs leave out the empty ones."""
    inputs = layers[0][0].shape[1]
    box = affinitree.Polytope.hyperrectangle(inputs, [(-1.0, 1.0)] * inputs)
    start = affinitree.AffTree.from_poly(box, affinitree.AffFunc.identity(inputs), None)
    architecture = affinitree.Architecture(inputs)
    for number, (weight, bias) in enumerate(layers):
        architecture.linear(affinitree.AffFunc.from_mats(weight, bias))
        if number < len(layers) - 1:
            architecture.relu()
    return affinitree.builder.from_layers(architecture, start).num_terminals()


def main() -> None:
    """Answer on what was the standard output; the package reports its progress there, which goes nowhere."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        for line in sys.stdin:
            layers = space_cases.read(json.loads(line)["file"])
            seconds, regions = space_cases.warmed(lambda: count(layers))  # noqa: B023
            print(json.dumps({"seconds": seconds, "regions": regions}), file=answers, flush=True)


if __name__ == "__main__":
    main()

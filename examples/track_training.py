"""Track how the regions of a digit classifier change while it trains.

    python examples/track_training.py

It writes the records into `track_training.parquet`, draws them into `track_training.png` and the plane through three
digits into `track_training.gif`, all in the current folder (some seconds; about a minute the first time, when the
kernels are compiled). Needs scikit-learn for the digits.
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits

from vitrail.probes import Distance, Lines, Plane, Tracker

torch.manual_seed(0)
images, labels = (torch.from_numpy(array) for array in load_digits(return_X_y=True))
images = images.float() / 16
model = torch.nn.Sequential(torch.nn.Linear(64, 48), torch.nn.ReLU(), torch.nn.Linear(48, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

probes = [Lines(images), Plane(*images[:3], keep=True), Distance(images[:200])]
steps = {"schedule": "0, 1/8, 1/4, 1/2, 1, 2, 4, 6, 8, 10", "steps_per_epoch": 28}
tracker = Tracker(model, probes, "track_training.parquet", example_input=images[:1], overwrite=True, **steps)
for _ in range(10):
    for batch in torch.randperm(len(images)).split(64)[:28]:
        loss = torch.nn.functional.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tracker.step(loss=loss.item())

print(tracker.records()[["epoch", "lines_mean", "plane_activation", "distance_mean", "loss"]].to_string(index=False))
tracker.plot().savefig("track_training.png", dpi=150)
tracker.animate("track_training.gif")

"""Draw the linear regions of a small digit classifier on the plane through three digits.

    python examples/plane_through_digits.py

It prints the counts and writes `plane_through_digits.png` into the current folder (a few seconds; about a minute the
first time, when the kernels are compiled).
"""

from __future__ import annotations

import vitrail
from vitrail.data import digits_network_path, digits_samples
from vitrail.plots.planes import plot_plane_with_points

net = vitrail.Network.from_file(digits_network_path())
images, labels = digits_samples()
chosen = [7, 8, 1]  # a 3, a 4 and a 0
points = images[chosen] / 16

plane = vitrail.Plane.through(*points.reshape(3, 64))
regions = vitrail.enumerate_regions(net, plane)
boundary = vitrail.boundaries.decision_boundary(net, plane)

for definition in ("activation", "linear", "affine"):
    print(f"{definition}: {regions.count(definition)!r}")
print(f"decision boundary: {len(boundary)} pieces, {boundary.measure:.3f} input units long")

captions = [f"digit {label}" for label in labels[chosen]]
figure = plot_plane_with_points(regions, boundary, points, captions=captions)
figure.savefig("plane_through_digits.png", dpi=180)
print("wrote plane_through_digits.png")

"""Draw the linear regions of a small digit classifier in three dimensions: the mixtures of four digits, and around.

    python examples/solid_of_digits.py

It prints what was found and writes `solid_of_digits.png` into the current folder (some seconds; about a minute the
first time, when the kernels are compiled).
"""

from __future__ import annotations

import numpy as np

import vitrail
from vitrail.data import digits_network_path, digits_samples
from vitrail.domains import Slice
from vitrail.plots.sections import plot_solid_with_sections

net = vitrail.Network.from_file(digits_network_path())
images, labels = digits_samples()
chosen = [7, 8, 1, 4]  # a 3, a 4, a 0 and a 2
points = images[chosen].reshape(4, 64) / 16

# the mean of the four, and t1, t2, t3 times the ways from the first to the others: all four are inside
domain = Slice(points.mean(axis=0), points[1:] - points[0], -1.0, 1.0)
regions = vitrail.enumerate_regions(net, domain)
print(f"{regions.count()!r}")
print(f"vertices, edges, facets and regions: {regions.f_vector}, Euler characteristic {regions.euler_characteristic()}")
print(f"digits {labels[chosen]}; classes seen: {np.unique(regions.classes)}")

plot_solid_with_sections(regions, "class").savefig("solid_of_digits.png", dpi=180)
print("wrote solid_of_digits.png")

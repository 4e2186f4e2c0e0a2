"""Angles between normals: closed forms, every pair by hand, and sums over blocks, layers and regions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from helpers import he
from vitrail.errors import InvalidOptionError
from vitrail.local.directions import Directions, HasNormals, directions, isotropic_cosine, merge_directions
from vitrail.local.halfspaces import halfspaces_at


@dataclass(frozen=True)
class Stand:
    """What `directions` reads of a region."""

    normals: np.ndarray
    layers: np.ndarray


def gaussian(rows: int, n: int, layers: int, seed: int = 0) -> Stand:
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(rows, n))
    return Stand(normals / np.linalg.norm(normals, axis=1)[:, None], rng.integers(layers, size=rows))


def every_pair(normals: np.ndarray, layers: np.ndarray, kind: str) -> list[tuple[float, int, int]]:
    """Cosine and layers of every pair i < j, one at a time."""
    found = []
    for i in range(len(normals)):
        for j in range(i + 1, len(normals)):
            same = layers[i] == layers[j]
            if kind == "all" or (kind == "within") == same:
                product = math.fsum(a * b for a, b in zip(normals[i].tolist(), normals[j].tolist(), strict=True))
                lengths = math.hypot(*normals[i].tolist()) * math.hypot(*normals[j].tolist())
                found.append((max(-1.0, min(1.0, product / lengths)), int(layers[i]), int(layers[j])))
    return found


def disagreements(found: Directions, pairs: list[tuple[float, int, int]]) -> list[str]:
    """What in the result does not follow from the pairs; the histograms only where no pair lies next to an edge."""
    wrong = []
    absolute = np.array([abs(cosine) for cosine, _, _ in pairs])
    if found.pairs != len(pairs) or found.cosine_counts.sum() != len(pairs):
        wrong.append("pairs")
    if not np.isclose(found.mean, absolute.mean() if len(pairs) else np.nan, rtol=0, atol=1e-12, equal_nan=True):
        wrong.append("mean")
    for a in range(len(found.layer_means)):
        for b in range(len(found.layer_means)):
            of_both = [abs(cosine) for cosine, i, j in pairs if {i, j} == {a, b}]
            expected = np.mean(of_both) if of_both else np.nan
            if found.layer_pairs[a, b] != len(of_both) or not np.isclose(
                found.layer_means[a, b], expected, rtol=0, atol=1e-12, equal_nan=True
            ):
                wrong.append(f"layers {a}, {b}")
    angles = [math.degrees(math.acos(min(1.0, value))) for value in absolute]
    if not np.array_equal(np.histogram(angles, found.angle_edges)[0], found.angle_counts):
        wrong.append("angles")
    if not np.array_equal(np.histogram([p[0] for p in pairs], found.cosine_edges)[0], found.cosine_counts):
        wrong.append("cosines")
    return wrong


# ---- closed forms --------------------------------------------------------------------------------------------------


def test_orthonormal_rows_are_at_right_angles() -> None:
    found = directions(np.linalg.qr(np.random.default_rng(1).normal(size=(20, 20)))[0])
    assert found.angle_counts[-1] == found.pairs == 190
    assert found.mean < 1e-14


def test_equal_and_opposite_rows_are_at_no_angle() -> None:
    row = np.array([0.6, 0.0, 0.8])
    found = directions(np.stack([row, row, -row]))
    assert found.angle_counts[0] == found.pairs == 3
    assert found.cosine_counts[0] == 2 and found.cosine_counts[-1] == 1
    assert found.mean == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("n", [2, 3, 8, 64, 784])
def test_isotropic_mean_is_the_integral_of_the_density_of_the_angle(n: int) -> None:
    def weight(angle: float) -> float:
        return math.sin(angle) ** (n - 2)

    # the density is narrow around a right angle: integrate from there
    top, whole = (quad(f, 0.0, math.pi / 2, points=[math.pi / 2 - 3 / math.sqrt(n)])[0] for f in (
        lambda angle: weight(angle) * math.cos(angle), weight))  # fmt: skip
    assert isotropic_cosine(n) == pytest.approx(top / whole, rel=1e-9)


def test_isotropic_mean_in_known_dimensions() -> None:
    assert isotropic_cosine(1) == pytest.approx(1.0, rel=1e-14)
    assert isotropic_cosine(2) == pytest.approx(2 / math.pi, rel=1e-14)
    assert isotropic_cosine(3) == pytest.approx(0.5, rel=1e-14)
    # the asymptotic form has the next term 1 + 1 / (4 n)
    for n, rounded in ((64, 0.0997), (784, 0.0285)):
        assert round(math.sqrt(2 / (math.pi * n)), 4) == rounded
        assert isotropic_cosine(n) == pytest.approx(math.sqrt(2 / (math.pi * n)) * (1 + 1 / (4 * n)), rel=1 / n**2)


@pytest.mark.parametrize("n", [2, 5, 64])
def test_gaussian_rows_have_the_isotropic_mean(n: int) -> None:
    found = directions(gaussian(800, n, 1).normals)
    # the cosines of different pairs are pairwise independent, with second moment 1 / n
    error = math.sqrt((1 / n - found.baseline**2) / found.pairs)
    assert abs(found.mean - found.baseline) < 5 * error
    correlated = directions(gaussian(800, n, 1).normals + 2 / math.sqrt(n))
    assert abs(correlated.mean - correlated.baseline) > 5 * error


# ---- every pair ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["all", "within", "across"])
@pytest.mark.parametrize(("rows", "n", "layers"), [(2, 1, 1), (30, 3, 4), (41, 17, 1), (25, 2, 25)])
def test_every_pair_by_hand(rows: int, n: int, layers: int, kind: str) -> None:
    region = gaussian(rows, n, layers)
    assert isinstance(region, HasNormals)
    found = directions(region, pairs=kind, bins=13)
    expected = every_pair(region.normals, region.layers, kind)
    assert disagreements(found, expected) == []
    if len(expected) > 1:
        assert "pairs" in disagreements(found, expected[1:])
        assert "mean" in disagreements(found, [(0.5 * c, a, b) for c, a, b in expected])
    if n > 1 and expected:  # in one dimension all angles are equal
        assert "cosines" in disagreements(found, [(-c, a, b) for c, a, b in expected])


entry = st.integers(-3, 3)


@given(st.lists(st.tuples(entry, entry, entry, st.integers(0, 2)), max_size=9))
def test_means_of_integer_rows(rows: list[tuple[int, int, int, int]]) -> None:
    table = np.array([row for row in rows if any(row[:3])], dtype=np.int64).reshape(-1, 4)
    found = directions(table[:, :3].astype(float), layers=table[:, 3], bins=1)
    assert disagreements(found, every_pair(table[:, :3], table[:, 3], "all")) == []


def test_blocks_equal_the_whole() -> None:
    region = gaussian(130, 6, 3)
    whole = directions(region)
    for block in (1, 7, 64):
        parts = directions(region, block=block)
        np.testing.assert_array_equal(parts.angle_counts, whole.angle_counts)
        np.testing.assert_array_equal(parts.cosine_counts, whole.cosine_counts)
        np.testing.assert_array_equal(parts.layer_pairs, whole.layer_pairs)
        np.testing.assert_allclose(parts.layer_sums, whole.layer_sums, rtol=1e-12)


def test_within_and_across_make_all() -> None:
    region = gaussian(60, 4, 3)
    whole, within, across = (directions(region, pairs=kind) for kind in ("all", "within", "across"))
    np.testing.assert_array_equal(within.angle_counts + across.angle_counts, whole.angle_counts)
    assert within.mean == pytest.approx(whole.within) and across.mean == pytest.approx(whole.across)
    assert math.isnan(within.across) and math.isnan(across.within)


def test_order_rotation_and_length_change_nothing() -> None:
    region, rng = gaussian(50, 5, 3), np.random.default_rng(3)
    whole, order = directions(region), rng.permutation(50)
    turned = region.normals @ np.linalg.qr(rng.normal(size=(5, 5)))[0] * 10.0 ** rng.integers(-200, 200, (50, 1))
    other = directions(turned[order], layers=region.layers[order])
    np.testing.assert_array_equal(other.angle_counts, whole.angle_counts)
    np.testing.assert_allclose(other.layer_means, whole.layer_means, rtol=1e-12)
    mirrored = directions(np.where(np.arange(50) < 25, 1, -1)[:, None] * region.normals, layers=region.layers)
    np.testing.assert_array_equal(mirrored.angle_counts, whole.angle_counts)
    assert (mirrored.cosine_counts != whole.cosine_counts).any()


# ---- rows and regions ----------------------------------------------------------------------------------------------


def test_rows_by_index_and_mask() -> None:
    region, rows = gaussian(20, 3, 2), [3, 11, 5, 19]
    mask = np.isin(np.arange(20), rows)
    by_hand = every_pair(region.normals[mask], region.layers[mask], "all")
    for chosen in (rows, mask):
        assert disagreements(directions(region, rows=chosen), by_hand) == []
    assert disagreements(directions(region, rows=[0, 1, 2, 3]), by_hand) != []


@pytest.mark.parametrize("rows", [[], [4], np.zeros(20, dtype=bool)])
def test_fewer_than_two_rows_have_no_angles(rows: list[int]) -> None:
    found = directions(gaussian(20, 3, 2), rows=rows)
    assert found.pairs == 0 and found.angle_counts.shape == (90,) and not found.angle_counts.any()
    assert all(math.isnan(mean) for mean in (found.mean, found.within, found.across, *found.means))
    assert "0 pairs" in repr(found)


def test_merging_sums_the_pairs_within_regions() -> None:
    regions = [gaussian(12, 4, 2, 0), gaussian(20, 4, 5, 1), gaussian(1, 4, 1, 2)]
    parts = [directions(region, bins=11) for region in regions]
    merged = merge_directions(iter(parts))
    by_hand = [pair for region in regions for pair in every_pair(region.normals, region.layers, "all")]
    assert disagreements(merged, by_hand) == []
    assert merged.rows.tolist() == [12, 20, 1]
    np.testing.assert_array_equal(merged.means, [part.mean for part in parts])
    together = directions(np.concatenate([region.normals for region in regions]), bins=11)
    assert disagreements(together, by_hand) != []


def test_regions_of_a_network() -> None:
    net, points = he(4, 10, 8, 3, seed=2), np.random.default_rng(7).normal(size=(3, 4))
    regions = [halfspaces_at(net, point) for point in points]
    merged = merge_directions(directions(region) for region in regions)
    by_hand = [pair for region in regions for pair in every_pair(region.normals, region.layers, "all")]
    assert disagreements(merged, by_hand) == []
    assert merged.layer_pairs.diagonal().min() > 0
    # the first layer's hyperplanes are the same everywhere
    first = [directions(region, rows=region.layers == 0).mean for region in regions]
    assert first == pytest.approx([first[0]] * 3, rel=1e-12)


def test_merging_needs_equal_bins_and_dimensions() -> None:
    part = directions(gaussian(5, 3, 1))
    with pytest.raises(InvalidOptionError, match="found none"):
        merge_directions([])
    with pytest.raises(InvalidOptionError, match="part 1 has 4 dimensions"):
        merge_directions([part, directions(gaussian(5, 4, 1))])
    with pytest.raises(InvalidOptionError, match="10 bins"):
        merge_directions([part, directions(gaussian(5, 3, 1), bins=10)])


# ---- wrong inputs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairs": "inside"}, "pairs"),
        ({"bins": 0}, "bins"),
        ({"block": -1}, "block"),
        ({"layers": [0, 0, 0]}, "layers"),
        ({"layers": [0.5, 0.5]}, "layers"),
        ({"layers": [0, -1]}, "layers"),
        ({"rows": [2]}, "from 0 to 1"),
        ({"rows": [-1]}, "from 0 to 1"),
        ({"rows": [0.0]}, "rows"),
        ({"rows": [True, False, True]}, "mask"),
        ({"rows": [1, 1]}, "1 repeats"),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        directions(np.eye(2), **options)


@pytest.mark.parametrize("normals", [[1.0, 2.0], [[0.0, 0.0], [1.0, 0.0]], [[np.nan, 1.0]], [[np.inf, 1.0]]])
def test_wrong_normals(normals: list[object]) -> None:
    with pytest.raises(InvalidOptionError, match="normals"):
        directions(normals)


def test_a_region_brings_its_layers() -> None:
    with pytest.raises(InvalidOptionError, match="brings its own"):
        directions(gaussian(3, 2, 1), layers=[0, 0, 0])


@pytest.mark.parametrize("n", [0, -1, 2.0])
def test_isotropic_mean_needs_a_dimension(n: object) -> None:
    with pytest.raises(InvalidOptionError, match="dimension"):
        isotropic_cosine(n)

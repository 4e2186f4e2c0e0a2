"""The exact number of regions that meet a ball, by enumeration of a window around it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from vitrail.balls.bounding import ball_norm
from vitrail.balls.closest import meets_ball
from vitrail.count import Count
from vitrail.domains import Box, Domain, Plane
from vitrail.domains.checks import real_array, real_points
from vitrail.errors import InvalidDomainError, InvalidOptionError
from vitrail.network.network import Network
from vitrail.numerics.filters import FLAT
from vitrail.options import positive_number
from vitrail.regions import RegionSet
from vitrail.search import enumerate_regions
from vitrail.status import Definition, Status

__all__ = ["count_in_ball"]

_ROOM = 1.0625
"""What a window is larger than the ball, so that rounding its limits does not matter."""

_MOST_INPUTS = 7
"""Cells of more dimensions are not kept by their vertices, which the proofs need."""


def count_in_ball(
    net: Network,
    center: ArrayLike,
    radius: float,
    *,
    frame: ArrayLike | None = None,
    norm: object = 2,
    max_regions: int | None = None,
    time_limit: float | None = None,
) -> Count:
    """Count the activation regions that meet the open ball around an input, in the whole input space or in a plane.

    The whole space of a network of at most 7 inputs; or, for any network, the plane through the center along the two
    directions of `frame` (2, n), made orthonormal, and the disc in it. `norm`: 2, or "inf" for a box (not in a plane).
    The regions of a box or square around the ball are enumerated, within the budgets `max_regions` and `time_limit`
    (seconds), and the distance of each from the center is compared with the radius. Where rounding hides the answer the
    region is undecided: it counts in `upper` alone, and the count is not certified. A spent budget leaves a lower
    bound. The count and `lower` are at least 1, since every ball meets a region.

    Regions are open, so the closed ball meets the same ones: a region whose closure merely touches the ball is not
    counted. A ball much smaller or larger than the rounding of its center, or than the numbers of the network, is
    seldom decided, but never wrongly.

    Raises:
        InvalidDomainError: a center that is no input of the network, a frame that spans no plane, or a window around
            the ball that is out of float64's range.
        InvalidOptionError: more than 7 inputs without a frame, a frame for boxes, or a radius, norm or budget that is
            not allowed.
        InvalidModelError: a network whose numbers overflow float64 on the window.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, 1.0]], None)])
        >>> [int(count_in_ball(net, [0.3, 0.3], radius)) for radius in (0.2, 0.4, 0.5)]
        [1, 3, 4]
    """
    kind, size = ball_norm(norm), positive_number("radius", radius)
    window: Domain
    points = real_points("center", center, net.input_shape)
    if len(points) != 1:
        raise InvalidDomainError(f"center: expected one input, found {len(points)}; count around one at a time")
    point = points[0]
    if frame is None:
        if point.size > _MOST_INPUTS:
            raise InvalidOptionError(
                f"frame: expected two directions for a network of {point.size} inputs (more than {_MOST_INPUTS}), "
                "found None; give a plane, or use local_bound for an upper bound"
            )
        window, whole = _box(point, size, kind)
        place, shown = point, f"ball of radius {size:.6g} ({'l2' if kind == '2' else 'linf'})"
    else:
        if kind == "inf":
            raise InvalidOptionError("norm: expected 2 for a disc in a plane, found 'inf'; leave out the frame")
        u, v = _orthonormal(frame, point.size)
        window, whole = Plane(point, u, v, (-size, -size), (size, size)), False
        place, shown = np.zeros(2), f"disc of radius {size:.6g} in a plane"
    many = point.size > 2 and frame is None
    regions = enumerate_regions(
        net,
        window,
        patterns=False,
        max_regions=max_regions,
        time_limit=time_limit,
        cells="vertices" if many else "auto",
    )
    return _counted(regions, place, np.inf if whole else size, kind, shown)


def _box(center: np.ndarray, radius: float, norm: str) -> tuple[Box, bool]:
    """A box around the ball, and whether it is the ball."""
    with np.errstate(over="ignore"):
        low, high = center - radius, center + radius
        if norm == "inf":
            size, ends = Fraction(radius), zip(center.tolist(), low.tolist(), high.tolist(), strict=True)
            finite = np.isfinite(low).all() and np.isfinite(high).all()
            if finite and all(
                Fraction(c) - size == Fraction(a) and Fraction(c) + size == Fraction(b) for c, a, b in ends
            ):
                return Box(low, high), True
        else:
            low, high = center - _ROOM * radius, center + _ROOM * radius
        return Box(np.nextafter(low, -np.inf), np.nextafter(high, np.inf)), False


def _orthonormal(frame: ArrayLike, inputs: int) -> tuple[np.ndarray, np.ndarray]:
    given = real_array("frame", frame)
    if given.ndim < 2 or given.shape[0] != 2 or given[0].size != inputs:
        raise InvalidDomainError(f"frame: expected two directions (2, {inputs}), found shape {given.shape}")
    u, v = (row / max(np.abs(row).max(), FLAT) for row in given.reshape(2, -1))
    u = u / max(float(np.linalg.norm(u)), FLAT)
    length = float(np.linalg.norm(v))
    for _ in range(2):
        v = v - (u @ v) * u
    if not u.any() or np.linalg.norm(v) <= FLAT * length:
        raise InvalidDomainError("frame: the two directions are parallel or zero; expected two that span a plane")
    return u, v / np.linalg.norm(v)


def _counted(regions: RegionSet, place: np.ndarray, radius: float, norm: str, shown: str) -> Count:
    """Decide every region, and say what the decisions prove; all meet a ball of infinite radius."""
    inside, open_ones, near = 0, 0, 0
    for index in range(len(regions)):
        rows = slice(regions.offsets[index], regions.offsets[index + 1])
        vertices, errors = regions.vertices[rows] - place, regions.vertex_errors[rows]
        meets, misses, distance = meets_ball(vertices, errors, radius, norm)
        if misses:
            continue
        if meets and not regions.dirty[index]:
            inside += 1
        else:
            open_ones += 1
            near += meets or distance < radius
    status, all_known = regions.status, regions.status.proven
    if all_known and inside + open_ones == 1:
        # the regions fill the window, so one of them meets the ball
        inside, open_ones, near = 1, 0, 0
    if all_known:
        status = Status.UNCERTIFIED if open_ones else Status.CERTIFIED
    lower = max(1, inside)
    return Count(
        lower if status is Status.PARTIAL else max(1, inside + near),
        lower=lower,
        upper=max(1, inside + open_ones) if all_known else None,
        status=status,
        definition=Definition.ACTIVATION,
        domain=shown,
        undecided=regions.account.undecided + open_ones,
    )

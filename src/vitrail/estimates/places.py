"""Where estimates look: uniform points of bounded domains, and the directions of their frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from vitrail.domains import Box, Domain, Line, Plane, Polygon, Polytope, Segment, Slice, Space
from vitrail.domains.checks import real_points
from vitrail.errors import InvalidDomainError

__all__ = ["DOMAINS", "bounded_domain", "directions_of", "inputs_of", "is_domain", "uniform_coordinates"]

DOMAINS = (Box, Line, Plane, Polygon, Polytope, Segment, Slice, Space)
_MOST_DRAWS = 2**26


def is_domain(value: object) -> bool:
    """Whether the value is a domain, not points.

    Example:
        >>> is_domain(Box([0.0], [1.0])), is_domain([[0.0]])
        (True, False)
    """
    return isinstance(value, DOMAINS)


def bounded_domain(domain: Domain, inputs: int, dimensions: Sequence[int] = ()) -> Domain:
    """The domain, if it is bounded, lies in a space of so many inputs, and has one of the dimensions, if any are given.

    Raises:
        InvalidDomainError: it is not.

    Example:
        >>> bounded_domain(Box([0.0], [1.0]), 1).description
        'box [0, 1]'
    """
    if not is_domain(domain):
        raise InvalidDomainError(
            f"domain: expected a domain such as Segment, Plane or Box, found {type(domain).__name__}"
        )
    if not np.isfinite(domain.limits).all():
        raise InvalidDomainError(
            f"domain: expected a bounded one, found a {domain.description}; points of it cannot be uniform; give a "
            "Segment or a Box"
        )
    if domain.frame.origin.size != inputs:
        raise InvalidDomainError(
            f"domain: expected one in a space of {inputs} inputs, found {domain.frame.origin.size} "
            f"({domain.description})"
        )
    if dimensions and domain.frame.dimension not in dimensions:
        allowed = " or ".join(map(str, dimensions))
        raise InvalidDomainError(
            f"domain: expected dimension {allowed}, found {domain.frame.dimension} ({domain.description}); "
            "give a segment or a window in a plane through it"
        )
    return domain


def directions_of(domain: Domain) -> np.ndarray:
    """Orthonormal directions (k, n) that span the domain.

    Example:
        >>> np.abs(directions_of(Segment([0.0, 0.0], [3.0, 4.0]))).round(3).tolist()
        [[0.6, 0.8]]
    """
    # a common scale, so that no length overflows
    basis = domain.frame.basis / np.abs(domain.frame.basis).max()
    return np.ascontiguousarray(np.linalg.qr(basis.T)[0].T)


def uniform_coordinates(domain: Domain, count: int, rng: np.random.Generator, *, spread: bool = False) -> np.ndarray:
    """Uniform points of a bounded domain in frame coordinates, (count, k).

    With `spread` those on a line lie one in each of `count` equal parts: means over them are still unbiased, and vary
    less.

    Raises:
        InvalidDomainError: a domain that fills so little of its bounding box that drawing takes too long.

    Example:
        >>> uniform_coordinates(Box([0.0], [4.0]), 2, np.random.default_rng(0), spread=True).round(2).tolist()
        [[1.27], [2.54]]
    """
    low, high = domain.limits
    share = rng.random((count, low.size))
    if spread and low.size == 1:
        share = (np.arange(count)[:, None] + share) / count
    if not isinstance(domain, Polygon | Polytope) or low.size == 1:
        return np.clip(low + share * (high - low), low, high)
    kept: list[np.ndarray] = []
    found = drawn = 0
    while found < count:
        if drawn > _MOST_DRAWS:
            raise InvalidDomainError(
                f"domain: {found} of {drawn:,} points of its bounding box lie in it ({domain.description}); too few "
                "to draw from it: give a box, or a smaller part"
            )
        points = low + share * (high - low)
        inside = (domain.sides[:, 0] + points @ domain.sides[:, 1:].T >= 0).all(axis=1)
        kept.append(points[inside])
        found, drawn = found + int(inside.sum()), drawn + len(points)
        share = rng.random((max(count, 4096), low.size))
    return np.concatenate(kept)[:count]


def inputs_of(where: Domain | ArrayLike, shape: tuple[int, ...], count: int, rng: np.random.Generator) -> np.ndarray:
    """Inputs (m, n): the given ones, or so many uniform ones of a bounded domain.

    Raises:
        InvalidDomainError: inputs of another shape, an unbounded domain, or one of another space.

    Example:
        >>> inputs_of([[1.0, 2.0]], (2,), 5, np.random.default_rng(0)).tolist()
        [[1.0, 2.0]]
    """
    if isinstance(where, DOMAINS):
        domain = bounded_domain(where, int(np.prod(shape)))
        return domain.frame.point(uniform_coordinates(domain, count, rng))
    values: ArrayLike = where  # type: ignore[assignment]  # what is no domain is an array
    return real_points("points", values, shape)

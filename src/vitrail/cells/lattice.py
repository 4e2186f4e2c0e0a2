"""Faces of a polytope from its facets alone: which points lie on which, no coordinates.

Sets of points and sets of facets are bit masks in Python integers: bit i stands for point or facet i.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["bits", "faces_by_dimension", "facets_of_face", "simplices", "transposed"]


def bits(mask: int) -> list[int]:
    """The positions of the bits of a mask, increasing.

    Example:
        >>> bits(0b1101)
        [0, 2, 3]
    """
    result = []
    while mask:
        lowest = mask & -mask
        result.append(lowest.bit_length() - 1)
        mask ^= lowest
    return result


def transposed(masks: Sequence[int], count: int) -> list[int]:
    """From the facets of each point the points of each of `count` facets, or the other way round.

    Example:
        >>> transposed([0b01, 0b11], 2)
        [3, 2]
    """
    result = [0] * count
    for row, mask in enumerate(masks):
        for column in bits(mask):
            result[column] |= 1 << row
    return result


def facets_of_face(face: int, facets: Sequence[int], finite: int) -> list[int]:
    """The facets of a face, as sets of points, increasing: the largest of its intersections with the polytope's facets.

    Those without a point of `finite` are left out: they lie at infinity. A point alone has none.

    Example:
        >>> facets_of_face(0b0011, [0b0011, 0b0110, 0b1100, 0b1001], 0b1111)
        [1, 2]
    """
    found = {face & facet for facet in facets}
    found = {part for part in found if part & finite and part != face}
    return sorted(part for part in found if not any(part & other == part and part != other for other in found))


def faces_by_dimension(facets: Sequence[int], dimension: int, points: int, finite: int) -> Iterator[tuple[int, int]]:
    """Every face of a polytope as its dimension and its set of points, from itself down to the vertices, each once.

    `points` is the set of all points. Correct where more facets meet in a vertex than the dimension needs.

    Example:
        >>> list(faces_by_dimension([0b01, 0b10], 1, 0b11, 0b11))
        [(1, 3), (0, 1), (0, 2)]
    """
    level = [points]
    for current in range(dimension, -1, -1):
        yield from ((current, face) for face in level)
        if current:
            level = sorted({part for face in level for part in facets_of_face(face, facets, finite)})


def simplices(facets: Sequence[int], dimension: int, points: int) -> list[tuple[int, ...]]:
    """Simplices on the points of a bounded polytope that fill it, (dimension + 1) points each.

    Every face is a cone from its first point over those of its facets that do not hold it; so the simplices of
    neighboring faces fit.

    Example:
        >>> simplices([0b0011, 0b0110, 0b1100, 0b1001], 2, 0b1111)
        [(0, 1, 2), (0, 2, 3)]
    """
    known: dict[int, list[tuple[int, ...]]] = {}

    def fill(face: int, depth: int) -> list[tuple[int, ...]]:
        if face not in known:
            apex = face & -face
            if depth == 0:
                known[face] = [(apex.bit_length() - 1,)]
            else:
                bases = [part for part in facets_of_face(face, facets, points) if not part & apex]
                known[face] = [(apex.bit_length() - 1, *base) for part in bases for base in fill(part, depth - 1)]
        return known[face]

    return fill(points, dimension)

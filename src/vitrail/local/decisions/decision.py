"""Decision boundaries inside the region of a point: which classes, which pieces, how far."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vitrail.domains import Domain
from vitrail.local.constraints import constraints_of
from vitrail.local.decisions.boundary_distance import Nearest, find_nearest
from vitrail.local.decisions.boundary_pieces import find_pieces
from vitrail.local.decisions.class_search import ClassSearch
from vitrail.local.decisions.inside import Inside
from vitrail.local.decisions.outputs import Outputs
from vitrail.local.halfspaces import LocalHalfspaces
from vitrail.numerics.filters import MOST_DISTANCE_GAP
from vitrail.status import Status

__all__ = ["Decision", "decision"]


@dataclass(frozen=True, eq=False)
class Decision:
    """The decision boundary inside a region within a domain, and what is not proven of it.

    `prediction` is the class at the region's point; with one output f the classes are its signs, 1 above 0 and 0, and
    the boundary is f = 0. `reachable` are the classes, ascending, that are predicted on a set of full dimension inside;
    `crossed` says whether there is another one than the prediction. Among equal outputs the lowest class is predicted,
    so of classes with the same function on the region only the first is reachable, and no piece lies between them.

    `pieces` (p, 2) are the pairs of classes, the smaller first, whose piece of boundary {f_c = f_c' >= all others} has
    dimension n - 1 inside; empty where it was not asked for.

    `distance` is that of the region's point to the nearest point inside where another class is predicted, in input
    units: the nearest point of a decision boundary. `inf` where there is none, NaN where it was not asked for. It is
    proven to lie between `lower` and `upper`. `nearest` (n,) is the point found, just beyond the boundary, where the
    output of `nearest_class` is above that of the prediction; NaN and -1 where there is none. `ratio` is the distance
    of the point to the nearest row of the region, sides of the domain left out, over `distance`: how near hidden units
    cut compared with the decision boundary; 0 where there is none inside, NaN for 0 / 0.

    `undecided` (classes) and `undecided_pieces` (pairs, 2) are those for which no proof was found, either way: a class
    that is level with others at best, a piece along all of which a third class is level. Without limits of the domain
    it is only proven that something is not within `reach` of the point in any coordinate: such classes and pairs are
    undecided too, and `lower` makes use of the proof. `reach` is infinite where there are limits.

    The proofs include rounding and the errors of rows and outputs; where the region's status says that its rows are not
    proven, they hold for the stored rows. The status is certified where the region's is, nothing is undecided, and
    `lower` and `upper` agree to 2^-17 of the distance or of the radius of the ball inside.
    """

    prediction: int
    crossed: bool
    reachable: np.ndarray
    pieces: np.ndarray
    distance: float
    lower: float
    upper: float
    nearest: np.ndarray
    nearest_class: int
    ratio: float
    undecided: np.ndarray
    undecided_pieces: np.ndarray
    reach: float
    status: Status

    def __repr__(self) -> str:
        """Class, what else is reachable, and how far, in one line."""
        others = int((self.reachable != self.prediction).sum())
        open_ones = len(self.undecided) + len(self.undecided_pieces)
        parts = [f"class {self.prediction}", f"{others} other classes reachable"]
        parts += [f"{len(self.pieces)} pieces"] if len(self.pieces) else []
        parts += [] if np.isnan(self.distance) else [f"distance {self.distance:.6g}"]
        parts += [f"{open_ones} undecided"] if open_ones else []
        return f"Decision({', '.join(parts)}, {self.status.value})"


def decision(
    region: LocalHalfspaces, domain: Domain | None = None, *, pieces: bool = True, distance: bool = True
) -> Decision:
    """Find the decision boundary inside a region within a domain (its own if none is given).

    On the region the outputs are affine, so these are linear programs over its rows (Zhang and Wu 2020), solved only as
    far as a proof needs: a class is reachable if some point inside gives it the largest output; a pair has a piece if
    some point inside gives both the same output and all others less; and the nearest point of a boundary is the nearest
    one of a class that beats the prediction, for as long as no class does, the prediction stays. Without `pieces` or
    `distance` that part is left out; pieces take up to one program per pair of reachable classes.

    Raises:
        InvalidDomainError: a domain that is no box, polytope or whole space of the inputs, or lacks the point.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0]], [0.0]), ([[1.0], [0.0]], [0.0, 2.0])])
        >>> region = vitrail.region_at(net, [1.0, 0.0], vitrail.Box([-2.0, -1.0], [4.0, 1.0]))
        >>> found = decision(region)
        >>> found.prediction, found.reachable.tolist(), found.pieces.tolist(), round(found.distance, 6), found.ratio
        (1, [0, 1], [[0, 1]], 1.0, 1.0)
    """
    within = constraints_of(region, domain)
    errors = within.normal_errors, within.offset_errors
    proven = region.status.proven and all(np.isfinite(part).all() for part in errors)
    if not proven:
        zero = np.zeros(len(within.normals))
        within = replace(within, normal_errors=zero, offset_errors=zero)
    outputs = Outputs.of(region, within)
    own = int(outputs.same[region.prediction])
    inside = Inside.of(within, region.point, outputs.scale(own, region.point))
    search = ClassSearch.of(inside, outputs, own)
    none = np.zeros((0, 2), dtype=np.int64)
    found, unsure = find_pieces(search) if pieces else (none, none)
    near = find_nearest(search) if distance else Nearest(np.nan, np.nan, np.nan, np.full(region.point.size, np.nan), -1)
    reachable = np.array(sorted(search.points), dtype=np.int64)
    status = Status.CERTIFIED if proven else Status.UNCERTIFIED
    scale = max(near.upper, inside.radius) if np.isfinite(inside.radius) else near.upper
    loose = near.upper - near.lower > MOST_DISTANCE_GAP * scale
    if search.undecided or len(unsure) or loose:
        status = Status.UNCERTIFIED
    row = float(max(0.0, region.slacks.min(initial=np.inf)))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 0.0 if np.isinf(near.distance) else float(np.divide(row, near.distance))
    return Decision(
        search.prediction,
        bool((reachable != search.prediction).any()),
        reachable,
        found,
        near.distance,
        near.lower,
        near.upper,
        near.point,
        near.other,
        ratio,
        np.array(sorted(search.undecided), dtype=np.int64),
        unsure,
        inside.reach,
        status,
    )

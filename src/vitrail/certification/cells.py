"""The exact cell of a pattern, from its halfspaces alone."""

from __future__ import annotations

import numpy as np

from vitrail.cells.exact import ExactCell
from vitrail.certification.halfspaces import Halfspaces
from vitrail.numerics.predicates import Form, side

__all__ = ["cell_of"]


def cell_of(halfspaces: Halfspaces, cell: int, domain: ExactCell) -> ExactCell | str:
    """The part of the domain in all halfspaces of a cell, or why there is none with an interior.

    Cuts the domain by one violated halfspace after the other, until none is; each is tested in floating point, and
    exactly where that does not tell. Facets have the row that made them as number. The domain is bounded, or a line:
    beyond, what a vertex at infinity says about a halfspace along which it lies is not known.
    """
    part, forms = domain, {}

    def form(row: int) -> Form:
        if row not in forms:
            forms[row] = halfspaces.form(cell, row)
        return forms[row]

    while True:
        answer = halfspaces.test(cell, part)
        violated = answer.violated
        if violated is None:
            open_signs = zip(*np.nonzero(answer.open), strict=True)
            violated = next((int(row) for at, row in open_signs if side(form(int(row)), part.points[at]) < 0), None)
        if violated is None:
            break
        kept, _ = part.split(form(violated), violated, 0)
        if kept is None:
            return "no point of the domain has this pattern on a set with an interior"
        part = kept
    for row in halfspaces.strict(cell):
        if not answer.positive[row] and not any(side(form(int(row)), point) > 0 for point in part.points):
            return "a unit that is zero on the whole region has a piece above the lowest"
    return part

"""What a result says about itself: status, kind and definition; enums whose members carry the advice."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Arithmetic", "Cells", "Definition", "Kind", "Status"]


class Status(StrEnum):
    """How sure a result is; never upgraded.

    Example:
        >>> from vitrail.status import Status
        >>> Status.CERTIFIED.value, Status.PARTIAL.complete
        ('certified', False)
    """

    EXACT = "exact"
    CERTIFIED = "certified"
    UNCERTIFIED = "uncertified"
    PARTIAL = "partial"

    @property
    def advice(self) -> str:
        """What the status means and what to do about it, in one sentence."""
        return _ADVICE[self]

    @property
    def complete(self) -> bool:
        """Whether the search reached its end (it may still be uncertified)."""
        return self is not Status.PARTIAL

    @property
    def proven(self) -> bool:
        """Whether every decision was exact or outside a proven rounding-error bound."""
        return self in (Status.EXACT, Status.CERTIFIED)


_ADVICE = {
    Status.EXACT: "every sign decision was made exactly",
    Status.CERTIFIED: "every sign decision was made outside a proven rounding-error bound, or exactly",
    Status.UNCERTIFIED: "some signs had no proof: allow exact arithmetic, or read `lower` and `upper` of the count",
    Status.PARTIAL: "stopped before the end; what is there is valid, the count a lower bound: raise the budget",
}


class Arithmetic(StrEnum):
    """How signs are decided.

    Example:
        >>> from vitrail.status import Arithmetic
        >>> Arithmetic("filtered") is Arithmetic.FILTERED
        True
    """

    FLOAT = "float"
    """In floating point; what the rounding-error bound does not decide is counted as undecided."""
    FILTERED = "filtered"
    """In floating point where the bound decides, exactly where it does not."""
    EXACT = "exact"
    """Exactly."""


class Cells(StrEnum):
    """How cells are represented; all but the last know their vertices.

    Example:
        >>> from vitrail.status import Cells
        >>> Cells("halfspaces") is Cells.HALFSPACES
        True
    """

    INTERVALS = "intervals"
    POLYGONS = "polygons"
    VERTICES = "vertices"
    """Polytopes by their vertices, and the facets through each."""
    HALFSPACES = "halfspaces"
    """Polytopes by their halfspaces, decided by linear programs; bounded or not."""


class Kind(StrEnum):
    """What a count is with respect to the true number.

    Example:
        >>> from vitrail.status import Kind
        >>> Kind("lower bound") is Kind.LOWER_BOUND
        True
    """

    EXACT = "exact"
    LOWER_BOUND = "lower bound"
    UPPER_BOUND = "upper bound"
    ESTIMATE = "estimate"


class Definition(StrEnum):
    """Which regions are counted (`docs/glossary.md`).

    Example:
        >>> from vitrail.status import Definition
        >>> Definition("linear").meaning
        'activation regions merged across facets where the affine map is the same'
    """

    ACTIVATION = "activation"
    LINEAR = "linear"
    AFFINE = "affine"

    @property
    def meaning(self) -> str:
        """The definition in one sentence."""
        return _MEANING[self]


_MEANING = {
    Definition.ACTIVATION: "full-dimensional sets of points of the domain with one activation pattern",
    Definition.LINEAR: "activation regions merged across facets where the affine map is the same",
    Definition.AFFINE: "distinct affine functions among the regions",
}

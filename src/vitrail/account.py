"""The account of a search: what was decided, what was not, and the counts that follow."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from vitrail.count import Count
from vitrail.status import Arithmetic, Definition, Status

__all__ = ["Account", "Range", "activation_count", "status_of"]


@dataclass(frozen=True)
class Range:
    """A number found, and the range that is proven to hold the true one."""

    value: int
    lower: int
    upper: int


@dataclass(frozen=True)
class Account:
    """What a search did: `per_layer` regions after each piecewise-linear op, `decisions` signs.

    `exact` of these belong to cells that were cut exactly; `arithmetic` says how they were to be decided, `cells` how
    the regions are represented. `undecided` counts the times that a sign was left open (never where exact arithmetic is
    allowed). `unproven` units lie in layers whose rounding-error bound is too large to prove any sign; `dirty` regions
    were touched by an undecided sign. `domain_digest` tells domains apart; `measure` is the domain's, in input units;
    `measure_scale` that of one unit of frame coordinates. `lower` and `upper` bound the number of regions where no
    sign was left open; `upper` is 0 where there is no bound.

    Example:
        >>> how = ("filtered", "polygons", 120, 6, 0, 0, 0, True, 5, 5, 0.1)
        >>> account = Account("box", "0123456789abcdef", 4.0, 1.0, (3, 5), ("relu1", "relu2"), *how)
        >>> account.status.value, int(account.count(5, 0))
        ('certified', 5)
    """

    domain: str
    domain_digest: str
    measure: float
    measure_scale: float
    per_layer: tuple[int, ...]
    layers: tuple[str, ...]
    arithmetic: str
    cells: str
    decisions: int
    exact: int
    undecided: int
    unproven: int
    dirty: int
    complete: bool
    lower: int
    upper: int
    seconds: float

    @property
    def status(self) -> Status:
        """Partial, uncertified, certified or exact."""
        return status_of(self.arithmetic, self.complete, self.undecided, self.unproven == 0)

    def count(self, regions: int, dirty: int) -> Count:
        """The number of activation regions; regions that no undecided sign touched are a lower bound."""
        touched = dirty if self.unproven == 0 else regions
        return activation_count(self.status, regions, touched, self.undecided, self.domain, (self.lower, self.upper))

    def merged_count(self, number: Range, definition: Definition, regions: int, paired: bool) -> Count:
        """The number of linear regions or affine pieces; certified where the activation regions and all merges are.

        `paired` says whether every facet was found with both of its regions; if not, regions may stay apart wrongly.
        """
        status = self.status
        proven = status.proven and paired and number.lower == number.upper
        if status.proven and not proven:
            status = Status.UNCERTIFIED
        base_holds = self.status.proven and paired
        # what a partial search found may still merge through regions that it has not found
        lower = number.lower if base_holds else (1 if regions else 0)
        if (
            definition is Definition.AFFINE
            and self.status is Status.PARTIAL
            and not self.undecided
            and not self.unproven
        ):
            lower = number.lower
        value = lower if status is Status.PARTIAL else number.value
        return Count(
            value,
            lower=lower,
            upper=number.upper if base_holds else None,
            status=status,
            definition=definition,
            domain=self.domain,
            undecided=self.undecided + number.upper - number.lower,
        )

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)


def status_of(arithmetic: str, complete: bool, undecided: int, proven: bool) -> Status:
    """The status of a search: `proven` says that every layer's rounding-error bound could decide.

    Example:
        >>> status_of("filtered", True, 0, True).value, status_of("exact", True, 0, True).value
        ('certified', 'exact')
    """
    if not complete:
        return Status.PARTIAL
    if undecided or not proven:
        return Status.UNCERTIFIED
    return Status.EXACT if arithmetic == Arithmetic.EXACT else Status.CERTIFIED


def activation_count(
    status: Status, regions: int, dirty: int, undecided: int, domain: str, bounds: tuple[int, int] = (0, 0)
) -> Count:
    """The number of activation regions; those that are not dirty, touched by an undecided sign, are a lower bound.

    `bounds` are a lower and an upper bound for a search that ended early, if no sign was left open; 0 for none. The
    number is then the lower bound: cells that were still to be cut count, as each holds a region at least.

    Example:
        >>> activation_count(Status.UNCERTIFIED, 10, 2, 1, "box").lower
        8
    """
    lower, upper = bounds if not dirty and not undecided else (0, 0)
    lower = max(regions - dirty, min(1, regions), lower)
    return Count(
        lower if status is Status.PARTIAL else regions,
        lower=lower,
        upper=regions if status.proven else upper or None,
        status=status,
        definition=Definition.ACTIVATION,
        domain=domain,
        undecided=undecided,
    )

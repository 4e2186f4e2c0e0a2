"""Deep against shallow: regions of networks of equal units or parameters (Pascanu, Montufar, Bengio, ICLR 2014)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import count

from vitrail.bounds import montufar2014, pascanu2013, serra2018
from vitrail.bounds.combinatorics import arrangement_cells
from vitrail.bounds.inputs import natural
from vitrail.bounds.values import short
from vitrail.errors import NotApplicableError, ResourceLimitError
from vitrail.options import one_of

__all__ = ["DepthComparison", "compare", "parameters", "smallest_winning_depth"]

_LOWER: dict[str, Callable[[int, list[int]], int]] = {
    "pascanu2013": pascanu2013.lower,
    "montufar2014": montufar2014.lower,
    "serra2018": serra2018.lower,
}
_EQUAL = ("units", "parameters")


@dataclass(frozen=True)
class DepthComparison:
    """A deep ReLU network of equal widths, and shallow ones of as many units, and of at most as many parameters.

    Regions are activation regions. `shallow_regions` and `equal_regions` are exact maxima over all weights of the
    shallow network of as many units, and of that of `equal_units` units. `deep_lower` is the best of the lower bounds
    on the deep network's maximum, `lower_bounds` lists all that apply by name; `deep_upper` is an upper bound (Serra et
    al. 2018). All networks have one output.

    Example:
        >>> compare(2, 4, 6)
        DepthComparison(2-4x6: 15,625 to 1,771,561 regions, 117 parameters; 2-24: 301, 97; 2-29: 436, 117)
    """

    input_dimension: int
    width: int
    layers: int
    deep_parameters: int
    shallow_parameters: int
    equal_units: int
    equal_parameters: int
    shallow_regions: int
    equal_regions: int
    lower_bounds: dict[str, int]
    deep_upper: int

    @property
    def units(self) -> int:
        """The hidden units of the deep network, and of the first shallow one."""
        return self.width * self.layers

    @property
    def deep_lower(self) -> int:
        """The largest of the lower bounds; 1 where none applies."""
        return max(self.lower_bounds.values(), default=1)

    @property
    def deep_wins(self) -> bool | None:
        """Whether the deep network's maximum is above the shallow one's at equal units; None where it is open."""
        return _wins(self.deep_lower, self.deep_upper, self.shallow_regions)

    @property
    def deep_wins_at_equal_parameters(self) -> bool | None:
        """The same for the shallow network of at most as many parameters."""
        return _wins(self.deep_lower, self.deep_upper, self.equal_regions)

    @property
    def deep_per_parameter(self) -> Fraction:
        """At least so many regions per parameter can the deep network have."""
        return Fraction(self.deep_lower, self.deep_parameters)

    @property
    def shallow_per_parameter(self) -> Fraction:
        """So many regions per parameter can the shallow network of as many units have at most."""
        return Fraction(self.shallow_regions, self.shallow_parameters)

    def __repr__(self) -> str:
        """Both sides, in one line."""
        n0 = self.input_dimension
        return (
            f"DepthComparison({n0}-{self.width}x{self.layers}: {short(self.deep_lower)} to {short(self.deep_upper)} "
            f"regions, {self.deep_parameters:,} parameters; {n0}-{self.units}: {short(self.shallow_regions)}, "
            f"{self.shallow_parameters:,}; {n0}-{self.equal_units}: {short(self.equal_regions)}, "
            f"{self.equal_parameters:,})"
        )


def parameters(input_dimension: int, width: int, layers: int) -> int:
    """Weights and biases of a fully connected network with k hidden layers of n units and one output.

    (k-1) n^2 + (k + n_0 + 1) n + 1.

    Example:
        >>> parameters(2, 4, 6), parameters(2, 24, 1)
        (117, 97)
    """
    n0, n = natural("input_dimension", input_dimension, 1), natural("width", width, 1)
    k = natural("layers", layers, 1)
    return (k - 1) * n * n + (k + n0 + 1) * n + 1


def compare(input_dimension: int, width: int, layers: int) -> DepthComparison:
    """Compare k layers of n ReLU units with one layer of k n units, and with one of at most as many parameters.

    Pascanu, Montufar and Bengio (2014), section 5, with later bounds added.

    Example:
        >>> found = compare(2, 4, 6)
        >>> found.lower_bounds["pascanu2013"], found.shallow_regions, found.deep_wins
        (352, 301, True)
    """
    n0, n = natural("input_dimension", input_dimension, 1), natural("width", width, 1)
    k = natural("layers", layers, 1)
    lower = {name: value for name in _LOWER if (value := _lower(name, n0, n, k)) is not None}
    equal = _equal_units(n0, n, k)
    return DepthComparison(
        input_dimension=n0,
        width=n,
        layers=k,
        deep_parameters=parameters(n0, n, k),
        shallow_parameters=parameters(n0, k * n, 1),
        equal_units=equal,
        equal_parameters=parameters(n0, equal, 1),
        shallow_regions=arrangement_cells(k * n, n0),
        equal_regions=arrangement_cells(equal, n0),
        lower_bounds=lower,
        deep_upper=serra2018.upper(n0, [n] * k),
    )


def smallest_winning_depth(
    input_dimension: int, width: int, bound: str = "pascanu2013", *, equal: str = "units", limit: int = 2_000
) -> int | None:
    """The least number k of layers of n units whose lower bound is above the exact maximum of a shallow network.

    `bound` is the lower bound for the deep network: pascanu2013, montufar2014, serra2018, or best, the largest that
    applies. The shallow network has as many units (k n), or with `equal="parameters"` as many as fit into the deep
    network's number of parameters. None where no depth will do, which is certain: the bound then does not apply to deep
    networks, or does not grow with depth. Otherwise it grows exponentially, the shallow maximum as a polynomial.

    Raises:
        InvalidOptionError: an unknown bound, or numbers that are no integers of at least 1.
        ResourceLimitError: no depth up to `limit`, though there is one beyond.

    Example:
        >>> [smallest_winning_depth(5, n) for n in (5, 10, 15, 20)]
        [None, 25, 13, 10]
        >>> smallest_winning_depth(5, 10, "montufar2014"), smallest_winning_depth(5, 10, equal="parameters")
        (3, 29)
    """
    n0, n = natural("input_dimension", input_dimension, 1), natural("width", width, 1)
    most = natural("limit", limit, 1)
    one_of("bound", bound, [*_LOWER, "best"])
    one_of("equal", equal, _EQUAL)
    names = list(_LOWER) if bound == "best" else [bound]
    names = [name for name in names if _grows(name, n0, n)]
    if not names:
        return None
    for k in count(1):
        if k > most:
            raise ResourceLimitError(
                f"smallest_winning_depth: expected a depth of at most limit={most:,} layers, found none up to there; "
                "there is one, raise limit"
            )
        units = k * n if equal == "units" else _equal_units(n0, n, k)
        if max(_lower(name, n0, n, k) or 0 for name in names) > arrangement_cells(units, n0):
            return k
    return None


def _equal_units(n0: int, n: int, k: int) -> int:
    """The units of the largest shallow network of at most as many parameters."""
    return (parameters(n0, n, k) - 1) // (n0 + 2)


def _lower(name: str, n0: int, n: int, k: int) -> int | None:
    try:
        return _LOWER[name](n0, [n] * k)
    except NotApplicableError:
        return None


def _grows(name: str, n0: int, n: int) -> bool:
    """Whether a bound grows with the number of layers of n units: at least twofold per layer, or not at all."""
    if name == "pascanu2013":
        return n // n0 >= 2
    return n >= (2 if name == "montufar2014" else 3)


def _wins(lower: int, upper: int, shallow: int) -> bool | None:
    if lower > shallow:
        return True
    return False if upper <= shallow else None

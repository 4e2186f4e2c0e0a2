"""What a bound over balls says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vitrail.bounds.values import exact_text
from vitrail.errors import InvalidOptionError
from vitrail.status import Definition, Status

if TYPE_CHECKING:
    import pandas

__all__ = ["LocalBound"]

_LARGEST_INTEGER = 2**63 - 1


@dataclass(frozen=True, eq=False)
class LocalBound:
    """Upper bounds of the number of regions that meet balls, around m centers with r radii each.

    `bounds` (m, r) are Python integers; `products` (m, r) the weaker product over layers. `log10` (m, r) of the bounds.
    `unstable` and `steady` (m, r, layers) count units that can switch in the ball, and those that cannot and are not
    constant there; `units` (layers,) all. `dimensions` (m, r, layers) bound the dimension of what a layer reads on one
    region of the layers before it. `unstable_by_engine` has the same counts as `unstable` by each way to bound values
    alone, if they were asked for, else nothing; `bounds_by_engine` the bounds (m, r) that follow from these, Python
    integers. `single`: it was asked for one center and one radius.

    Example:
        >>> import vitrail
        >>> from vitrail.balls import local_bound
        >>> net = vitrail.Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
        >>> local_bound(net, [0.25], 0.5)
        LocalBound(1 center, 1 radius, l2, at most 2, certified)
    """

    bounds: np.ndarray
    products: np.ndarray
    log10: np.ndarray
    unstable: np.ndarray
    steady: np.ndarray
    units: np.ndarray
    dimensions: np.ndarray
    unstable_by_engine: dict[str, np.ndarray]
    bounds_by_engine: dict[str, np.ndarray]
    radii: np.ndarray
    norm: str
    layers: tuple[str, ...]
    single: bool
    definition: Definition = Definition.ACTIVATION
    status: Status = Status.CERTIFIED

    @property
    def bound(self) -> int:
        """The number, where it is one.

        Raises:
            InvalidOptionError: several centers or radii.
        """
        if not self.single:
            raise InvalidOptionError(
                f"bound: expected one center and one radius, found {self.bounds.shape[0]} centers and "
                f"{self.bounds.shape[1]} radii as arrays; read `bounds`"
            )
        return int(self.bounds[0, 0])

    def __int__(self) -> int:
        """The number, where it is one."""
        return self.bound

    def __repr__(self) -> str:
        """How many balls, the norm, the largest bound and how sure, in one line."""
        (m, r), most = self.bounds.shape, max(self.bounds.reshape(-1).tolist())
        shown = f"{most:,}" if most < _LARGEST_INTEGER else f"10^{float(self.log10.max()):.1f}"
        centers, radii = f"{m:,} center{'s' * (m != 1)}", f"{r:,} radi{'us' if r == 1 else 'i'}"
        name = "l2" if self.norm == "2" else "linf"
        return f"LocalBound({centers}, {radii}, {name}, at most {shown}, {self.status.value})"

    def to_frame(self) -> pandas.DataFrame:
        """A table with one row per center and radius; `attrs["columns"]` says what each column means.

        Bounds that do not fit 64 bits make the column one of texts.

        Example:
            >>> import vitrail
            >>> from vitrail.balls import local_bound
            >>> net = vitrail.Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
            >>> table = local_bound(net, [0.25], [0.1, 0.5]).to_frame()
            >>> table[["radius", "bound", "unstable_1"]].to_numpy().tolist()
            [[0.1, 1.0, 0.0], [0.5, 2.0, 1.0]]
        """
        import pandas  # slow to import

        m, r = self.bounds.shape
        columns: dict[str, tuple[object, str]] = {
            "center": (np.repeat(np.arange(m), r), "number of the center among those given"),
            "radius": (np.tile(self.radii, m), "radius of the ball, in input units"),
            "bound": (_column(self.bounds), "upper bound of the number of activation regions that meet the ball"),
            "log10_bound": (self.log10.reshape(-1), "decimal logarithm of the bound"),
            "product": (_column(self.products), "the weaker product over layers"),
            "unstable": (self.unstable.sum(axis=2).reshape(-1), "units that can switch in the ball"),
        }
        for number, name in enumerate(self.layers):
            place = f"of piecewise-linear op {number + 1} ({name})"
            columns[f"unstable_{number + 1}"] = self._layer(self.unstable, number), f"units {place} that can switch"
            columns[f"steady_{number + 1}"] = (
                self._layer(self.steady, number),
                f"units {place} that cannot switch and are not constant",
            )
            columns[f"dimension_{number + 1}"] = (
                self._layer(self.dimensions, number),
                f"largest dimension of the input {place} on one region",
            )
        frame = pandas.DataFrame({name: values for name, (values, _) in columns.items()})
        frame.attrs["columns"] = {name: text for name, (_, text) in columns.items()}
        return frame

    def _layer(self, table: np.ndarray, number: int) -> np.ndarray:
        return table[:, :, number].reshape(-1)


def _column(values: np.ndarray) -> list[int] | list[str]:
    numbers: list[int] = values.reshape(-1).tolist()
    return (
        numbers if all(number <= _LARGEST_INTEGER for number in numbers) else [exact_text(number) for number in numbers]
    )

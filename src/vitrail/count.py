"""A count that says what it counts and how sure it is."""

from __future__ import annotations

from vitrail.status import Definition, Kind, Status

__all__ = ["Count"]


class Count(int):
    """A number of regions; an `int` that carries its bounds, kind, status, definition and domain.

    `lower` and `upper` hold for the true number; `upper` is None where no upper bound is known. `undecided` is the
    number of sign decisions inside the rounding-error bound.

    Example:
        >>> proven = {"status": Status.CERTIFIED, "definition": Definition.ACTIVATION, "domain": "box"}
        >>> count = Count(38, lower=38, upper=38, **proven)
        >>> count + 1, count.kind.value, str(count)
        (39, 'exact', '38')
    """

    lower: int
    upper: int | None
    kind: Kind
    status: Status
    definition: Definition
    domain: str
    undecided: int

    def __new__(
        cls,
        value: int,
        *,
        lower: int,
        upper: int | None,
        status: Status,
        definition: Definition,
        domain: str,
        undecided: int = 0,
    ) -> Count:
        """Make a count; its kind follows from the status: proven exact, partial a lower bound, else an estimate."""
        self = super().__new__(cls, value)
        self.lower, self.upper = lower, upper
        self.status, self.definition, self.domain, self.undecided = status, definition, domain, undecided
        if status.proven:
            self.kind = Kind.EXACT
        elif status is Status.PARTIAL:
            self.kind = Kind.LOWER_BOUND
        else:
            self.kind = Kind.ESTIMATE
        return self

    @property
    def value(self) -> int:
        """The number itself."""
        return int(self)

    def __reduce__(self) -> tuple[object, tuple[int, dict[str, object]]]:
        """Copying keeps what the count carries."""
        return _restore, (int(self), self.to_dict())

    def to_dict(self) -> dict[str, object]:
        """Everything the count carries, for JSON.

        Example:
            >>> proven = {"status": Status.EXACT, "definition": Definition.LINEAR, "domain": "d"}
            >>> Count(2, lower=2, upper=2, **proven).to_dict()["kind"]
            'exact'
        """
        return {
            "value": int(self),
            "lower": self.lower,
            "upper": self.upper,
            "kind": self.kind.value,
            "status": self.status.value,
            "definition": self.definition.value,
            "domain": self.domain,
            "undecided": self.undecided,
        }

    def __repr__(self) -> str:
        """The number with its kind, status, definition and domain."""
        return f"Count({int(self)}, {self.kind.value}, {self.status.value}, {self.definition.value}, {self.domain})"

    def __str__(self) -> str:
        """The number alone, so that it prints as an int."""
        return int.__repr__(self)


def _restore(value: int, fields: dict[str, object]) -> Count:
    return Count(
        value,
        lower=int(str(fields["lower"])),
        upper=None if fields["upper"] is None else int(str(fields["upper"])),
        status=Status(str(fields["status"])),
        definition=Definition(str(fields["definition"])),
        domain=str(fields["domain"]),
        undecided=int(str(fields["undecided"])),
    )

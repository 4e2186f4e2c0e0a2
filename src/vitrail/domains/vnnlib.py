"""Input boxes of properties in the format of the neural network verification competitions, VNN-LIB 1."""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vitrail.domains.boxes import Box
from vitrail.errors import InvalidDomainError, ResourceLimitError

__all__ = ["read_vnnlib_box", "read_vnnlib_limits"]

_MOST_BYTES, _MOST_TOKENS, _MOST_DEPTH, _LONGEST_TOKEN = 2**26, 2**23, 64, 200
_TOKENS = re.compile(r"(?P<space>[ \t\r\f]+|;[^\n]*)|(?P<line>\n)|(?P<paren>[()])|(?P<word>[^\s();]+)|(?P<other>.)")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_VARIABLE = re.compile(r"([XY])_(0|[1-9]\d{0,8})")
_WITHOUT_MEANING = ("set-logic", "set-info", "set-option", "check-sat", "get-model", "exit")
_FORMS = "expected a bound on one input such as (<= X_0 0.5)"


@dataclass(frozen=True)
class _List:
    """What stands in a pair of parentheses, and the line of the opening one."""

    line: int
    items: list[str | _List] = field(default_factory=list)

    @property
    def head(self) -> str:
        """The first word."""
        return self.items[0] if self.items and isinstance(self.items[0], str) else ""

    @property
    def arguments(self) -> list[str | _List]:
        """What follows it."""
        return self.items[1:]


def read_vnnlib_box(path: str | os.PathLike[str]) -> Box:
    """The input box of a property in a VNN-LIB 1 file, one interval per input X_0, X_1, ...

    Each decimal number becomes the nearest float64, as in every program that reads the file, and the box is that of
    these stored numbers: what the decimal numbers meant beyond them is not covered. Of several bounds on one side of an
    input the narrowest counts. What is asserted of the outputs alone is ignored.

    Raises:
        InvalidDomainError: a file that is missing or no VNN-LIB 1, inputs without both bounds, inputs in a disjunction
            or in anything but a bound on one of them, or, as `Box`, inputs without room between their bounds.
        ResourceLimitError: more than 64 MiB, more than 8 million words, or parentheses more than 64 deep.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w", suffix=".vnnlib") as file:
        ...     _ = file.write("(declare-const X_0 Real) (assert (>= X_0 -0.5)) (assert (<= X_0 2.0)) ; a property")
        ...     file.flush()
        ...     box = read_vnnlib_box(file.name)
        >>> box.description
        'box [-0.5, 2]'
    """
    low, high = read_vnnlib_limits(path)
    return Box(low, high)


def read_vnnlib_limits(path: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """The lower and upper bounds of the inputs in a VNN-LIB 1 file, each of shape (inputs,), possibly equal.

    Raises:
        InvalidDomainError: as `read_vnnlib_box`; equal bounds are fine.
        ResourceLimitError: as `read_vnnlib_box`.
    """
    name = _quoted(str(path), 120)
    reader = _Reader(name)
    for form in _forms(_text(Path(path), name), name):
        reader.command(form)
    return reader.limits()


def _quoted(text: str, limit: int) -> str:
    """A text from a file, safe to print: control characters escaped, the middle of a long one left out."""
    shown = repr(text) if text.isprintable() else ascii(text)
    return shown if len(shown) <= limit else f"{shown[: limit // 2]}...{shown[-limit // 3 :]}"


def _text(path: Path, name: str) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file (a device, pipe or socket)"
            raise InvalidDomainError(f"{name} is {kind}; expected a VNN-LIB file")
        if status.st_size > _MOST_BYTES:
            raise ResourceLimitError(f"{name} has {status.st_size:,} bytes; the limit is {_MOST_BYTES:,}")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidDomainError(f"{name} does not exist") from error
    except PermissionError as error:
        raise InvalidDomainError(f"{name} cannot be read: permission denied") from error
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidDomainError | ResourceLimitError):
            raise
        raise InvalidDomainError(f"{name} cannot be read: {type(error).__name__}") from error
    if data[:2] == b"\x1f\x8b":
        raise InvalidDomainError(f"{name} is compressed; expected the plain text of a VNN-LIB file: gunzip it first")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidDomainError(f"{name}, line {line}: not text; expected a VNN-LIB file") from None


def _forms(text: str, name: str) -> Iterator[_List]:
    """The lists at top level one after the other; depth and number of words are bounded, and nothing recurses."""
    line, words, open_lists = 1, 0, list[_List]()
    for match in _TOKENS.finditer(text):
        kind, token = match.lastgroup, match.group()
        if kind == "line":
            line += 1
        if kind in ("line", "space"):
            continue
        words += 1
        if words > _MOST_TOKENS:
            raise ResourceLimitError(f"{name}, line {line}: more than {_MOST_TOKENS:,} words")
        if token == "(":
            open_lists.append(_List(line))
            if len(open_lists) > _MOST_DEPTH:
                raise ResourceLimitError(f"{name}, line {line}: parentheses more than {_MOST_DEPTH} deep")
        elif token == ")" and open_lists:
            done = open_lists.pop()
            if open_lists:
                open_lists[-1].items.append(done)
            else:
                yield done
        elif kind != "word" or not open_lists or len(token) > _LONGEST_TOKEN:
            raise InvalidDomainError(
                f"{name}, line {line}: expected a command such as (assert (<= X_0 0.5)), found {_quoted(token, 40)}"
            )
        else:
            open_lists[-1].items.append(token)
    if open_lists:
        raise InvalidDomainError(f"{name}: the parenthesis of line {open_lists[0].line} is never closed")


class _Reader:
    """Declarations and bounds as they come."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.declared: set[str] = set()
        self.low: dict[int, float] = {}
        self.high: dict[int, float] = {}

    def command(self, form: _List) -> None:
        """Take one command."""
        if form.head in ("declare-const", "declare-fun"):
            self._declare(form)
        elif form.head == "assert" and len(form.items) == 2:
            self._assert(form)
        elif form.head.startswith(("vnnlib-version", "declare-network")):
            raise self._error(form.line, "VNN-LIB 2 is not read; expected a VNN-LIB 1 file")
        elif form.head not in _WITHOUT_MEANING:
            raise self._error(form.line, f"expected declare-const or assert, found {_shown(form)}")

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """The bounds of X_0, X_1, ..., once there are no more commands."""
        inputs = {name for name in self.declared if name.startswith("X")}
        if not inputs:
            raise InvalidDomainError(f"{self.name} declares no inputs; expected (declare-const X_0 Real) and so on")
        for i in range(len(inputs)):
            if f"X_{i}" not in inputs:
                raise InvalidDomainError(f"{self.name} declares {len(inputs)} inputs, but X_{i} is none of them")
        for i in range(len(inputs)):
            for side, bounds in (("lower", self.low), ("upper", self.high)):
                if i not in bounds:
                    raise InvalidDomainError(f"{self.name}: X_{i} has no {side} bound; expected a box, both for each")
            if self.low[i] > self.high[i]:
                raise InvalidDomainError(
                    f"{self.name}: the lower bound {self.low[i]} of X_{i} is above its upper bound {self.high[i]}; "
                    "no input has the property"
                )
        order = range(len(inputs))
        # no negative zeros
        return np.array([self.low[i] for i in order]) + 0.0, np.array([self.high[i] for i in order]) + 0.0

    def _error(self, line: int, text: str) -> InvalidDomainError:
        return InvalidDomainError(f"{self.name}, line {line}: {text}")

    def _declare(self, form: _List) -> None:
        words = [item for item in form.arguments if not isinstance(item, _List)]
        lists = [item for item in form.arguments if isinstance(item, _List)]
        shape = ([2], [0]) if form.head == "declare-const" else ([2], [1])
        if ([len(words)], [len(lists)]) != shape or words[1] != "Real" or any(part.items for part in lists):
            raise self._error(form.line, f"expected (declare-const X_0 Real), found {_shown(form)}")
        if not _VARIABLE.fullmatch(words[0]):
            raise self._error(form.line, f"expected the name X_0, Y_0, ..., found {_quoted(words[0], 40)}")
        if words[0] in self.declared:
            raise self._error(form.line, f"{words[0]} is declared a second time")
        self.declared.add(words[0])

    def _assert(self, form: _List) -> None:
        """Bounds on inputs; conjunctions are taken apart, and a disjunction of one is none."""
        todo = form.arguments
        while todo:
            part = todo.pop()
            variables = self._variables(part, form.line)
            if not isinstance(part, _List) or not variables:
                raise self._error(form.line, f"{_FORMS}, found {_shown(part)}")
            if not any(name.startswith("X") for name in variables):
                continue
            if part.head == "and" or (part.head == "or" and len(part.items) == 2):
                todo += part.arguments
            elif part.head == "or":
                raise self._error(part.line, "a disjunction over inputs is no box; split the file into one per box")
            else:
                self._bound(part)

    def _variables(self, part: str | _List, line: int) -> set[str]:
        """The variables in an expression, all of them declared."""
        found, todo = set[str](), [part]
        while todo:
            item = todo.pop()
            if isinstance(item, _List):
                todo += item.items
            elif _VARIABLE.fullmatch(item):
                found.add(item)
        for name in sorted(found - self.declared):
            raise self._error(line, f"{name} is not declared; expected (declare-const {name} Real) before")
        return found

    def _bound(self, part: _List) -> None:
        left, right = part.arguments if len(part.items) == 3 else ("", "")
        is_upper = part.head == "<="
        if isinstance(left, _List) or not _VARIABLE.fullmatch(left):
            left, right, is_upper = right, left, not is_upper
        value = _constant(right)
        if part.head not in ("<=", ">=") or not isinstance(left, str) or value is None or not left.startswith("X_"):
            raise self._error(part.line, f"{_FORMS}, found {_shown(part)}")
        if not math.isfinite(value):
            raise self._error(part.line, f"expected a number in the range of float64, found {_shown(part)}")
        number = int(left[2:])
        if is_upper:
            self.high[number] = min(value, self.high.get(number, math.inf))
        else:
            self.low[number] = max(value, self.low.get(number, -math.inf))


def _constant(item: str | _List) -> float | None:
    """The value of a decimal number, also (- c); None where it is something else."""
    if not isinstance(item, _List):
        return float(item) if _NUMBER.fullmatch(item) else None
    if item.head != "-" or len(item.items) != 2 or isinstance(item.items[1], _List):
        return None
    value = _constant(item.items[1])
    return None if value is None else -value


def _shown(part: str | _List) -> str:
    """The beginning of an expression, for messages."""
    words, todo = list[str](), [part]
    while todo and len(words) < 12:
        item = todo.pop()
        if isinstance(item, _List):
            words.append("(")
            todo += [")", *reversed(item.items)]
        else:
            words.append(item)
    text = " ".join(words).replace("( ", "(").replace(" )", ")")
    return _quoted(text if not todo else f"{text} ...", 60)

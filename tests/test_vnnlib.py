"""Input boxes from VNN-LIB files: what is read, to which numbers, and that everything else is refused in one line."""

from __future__ import annotations

import os
import re
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vitrail
from vitrail.domains import read_vnnlib_box
from vitrail.domains.vnnlib import read_vnnlib_limits
from vitrail.errors import InvalidDomainError, ResourceLimitError, VitrailError

SHARED = Path("/work/shared/data/vnnlib")
TWO = "(declare-const X_0 Real)\n(declare-const X_1 Real)\n(declare-const Y_0 Real)\n"
BOUNDS = "(assert (>= X_0 -1))(assert (<= X_0 1))(assert (>= X_1 0.25))(assert (<= X_1 2))\n"


def limits(tmp_path: Path, text: str | bytes) -> list[list[float]]:
    path = tmp_path / "p.vnnlib"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [bounds.tolist() for bounds in read_vnnlib_limits(path)]


@pytest.mark.parametrize(
    "text",
    [
        TWO + BOUNDS,
        "\ufeff; a comment (with ( parentheses\n" + TWO + BOUNDS.replace("\n", "\r\n"),
        "(set-logic QF_LRA)" + TWO + BOUNDS + "(check-sat)",
        TWO + "(assert (and (>= X_0 -1) (<= X_0 1) (and (>= X_1 0.25) (<= X_1 2))))",
        TWO + "(assert (or (and (>= X_0 -1) (<= X_0 1) (>= X_1 0.25) (<= X_1 2))))",
        TWO + "(assert (<= -1 X_0))(assert (>= 1 X_0))(assert (<= 0.25 X_1))(assert (>= 2 X_1))",
        TWO + "(assert (>= X_0 (- 1.0)))(assert (<= X_0 +1e0))(assert (>= X_1 25e-2))(assert (<= X_1 2.))",
        TWO + BOUNDS + "(assert (<= X_0 7))(assert (>= X_1 -3))",  # wider bounds change nothing
        TWO + BOUNDS + "(assert (>= Y_0 3.5))(assert (or (and (>= Y_0 1) (<= Y_0 2)) (and (>= Y_0 5))))",
        TWO.replace("declare-const X_1 Real", "declare-fun X_1 () Real") + BOUNDS,
        "(declare-const\nX_1\tReal)(declare-const X_0 Real)" + BOUNDS,
    ],
)
def test_forms_of_one_box(text: str, tmp_path: Path) -> None:
    assert limits(tmp_path, text) == [[-1.0, 0.25], [1.0, 2.0]]
    box = read_vnnlib_box(tmp_path / "p.vnnlib")
    assert isinstance(box, vitrail.Box) and box.limits.tolist() == [[-1.0, 0.25], [1.0, 2.0]]
    assert read_vnnlib_box(str(tmp_path / "p.vnnlib")).measure == box.measure


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=st.lists(
        st.tuples(*[st.decimals(-1000, 1000, places=12, allow_nan=False)] * 2).filter(lambda pair: pair[0] < pair[1]),
        min_size=1,
        max_size=5,
    ),
    random=st.randoms(use_true_random=False),
)
def test_decimal_numbers_become_the_nearest(pairs: list[tuple[object, object]], random: object, tmp_path: Path) -> None:
    lines = [f"(assert (>= X_{i} {low:f}))" for i, (low, _) in enumerate(pairs)]
    lines += [f"(assert (<= X_{i} {high:f}))" for i, (_, high) in enumerate(pairs)]
    random.shuffle(lines)  # type: ignore[attr-defined]
    declared = [f"(declare-const X_{i} Real)" for i in range(len(pairs))]
    found = limits(tmp_path, "\n".join([*declared, *lines]))
    for i, pair in enumerate(pairs):
        for value, decimal in zip((found[0][i], found[1][i]), pair, strict=True):
            exact = Fraction(decimal)  # type: ignore[arg-type]
            gap = abs(Fraction(value) - exact)
            assert all(gap <= abs(Fraction(float(np.nextafter(value, to))) - exact) for to in (-np.inf, np.inf))


def test_no_negative_zeros(tmp_path: Path) -> None:
    low, _ = limits(tmp_path, "(declare-const X_0 Real)(assert (>= X_0 -0.0))(assert (<= X_0 1))")
    assert str(low[0]) == "0.0"


def reference(text: str) -> dict[tuple[str, str], float]:
    """The bounds of a file in the plain form of the competitions, by regular expressions."""
    found = re.findall(r"^\(assert \((<=|>=) (X_\d+) (\S+)\)\)", text, flags=re.MULTILINE)
    return {(name, relation): float(value) for relation, name, value in found}


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared data")
@pytest.mark.parametrize(
    "name", ["acasxu_prop_1", "acasxu_prop_2", "acasxu_prop_3", "acasxu_prop_4", "mnistfc_prop_0_0.03"]
)
def test_files_of_the_competition(name: str) -> None:
    path = SHARED / f"{name}.vnnlib"
    low, high = read_vnnlib_limits(path)
    expected = reference(path.read_text())
    assert len(expected) == 2 * low.size and low.size in (5, 784)
    for i in range(low.size):
        assert (low[i], high[i]) == (expected[f"X_{i}", ">="], expected[f"X_{i}", "<="])
    flat = (low == high).any()
    assert flat == (name == "acasxu_prop_4")
    if flat:
        with pytest.raises(InvalidDomainError, match=r"lo equals hi .* in coordinate 2"):
            read_vnnlib_box(path)


REFUSED = {
    "": "declares no inputs",
    "; nothing\n": "declares no inputs",
    "hello": "line 1: expected a command such as .*'hello'",
    "\n\n)": r"line 3: .*'\)'",
    "(assert": "line 1 is never closed",
    TWO + BOUNDS + "\n(assert (<= X_0": "line 6 is never closed",
    "()": "line 1: expected declare-const or assert",
    "(push 1)": "push",
    "(assert)": "expected declare-const or assert",
    "(vnnlib-version <2.0>)": "VNN-LIB 2",
    "(declare-network N (declare-input X real [5]))": "VNN-LIB 2",
    "(declare-const X_0)": "declare-const X_0 Real",
    "(declare-const X_0 Int)": "declare-const X_0 Real.*Int",
    "(declare-const x Real)": "expected the name X_0.*'x'",
    "(declare-const X_01 Real)": "expected the name X_0.*'X_01'",
    "(declare-const X_9999999999 Real)": "expected the name",
    "(declare-fun X_0 (Real) Real)": "declare-const X_0 Real",
    TWO + "\n(declare-const X_1 Real)": "line 5: X_1 is declared a second time",
    "(declare-const X_0 Real)(declare-const X_2 Real)": "declares 2 inputs, but X_1 is none of them",
    "(assert (<= X_0 1))": "X_0 is not declared",
    TWO + "(assert (<= X_2 1))": "line 4: X_2 is not declared",
    TWO + "(assert (<= Y_1 1))": "Y_1 is not declared",
    TWO: "X_0 has no lower bound",
    TWO + BOUNDS.replace("<= X_1", ">= X_1"): "X_1 has no upper bound",
    TWO + BOUNDS + "(assert (>= X_0 1.5))": r"lower bound 1.5 of X_0 is above its upper bound 1.0",
    TWO + "(assert (<= X_0 X_1))": r"line 4: expected a bound on one input such as .*'\(<= X_0 X_1\)'",
    TWO + "(assert (<= X_0 Y_0))": r"\(<= X_0 Y_0\)",
    TWO + "(assert (<= Y_0 X_0))": r"\(<= Y_0 X_0\)",
    TWO + "(assert (<= (+ X_0 X_1) 1))": r"\(<= \(\+ X_0 X_1\) 1\)",
    TWO + "(assert (<= (* 2 X_0) 1))": "expected a bound on one input",
    TWO + "(assert (< X_0 1))": r"\(< X_0 1\)",
    TWO + "(assert (= X_0 1))": r"\(= X_0 1\)",
    TWO + "(assert (not (<= X_0 1)))": "expected a bound on one input",
    TWO + "(assert (<= X_0))": "expected a bound on one input",
    TWO + "(assert (<= X_0 1 2))": "expected a bound on one input",
    TWO + "(assert X_0)": "expected a bound on one input",
    TWO + "(assert (<= 1 2))": "expected a bound on one input",
    TWO + "(assert true)": "expected a bound on one input",
    TWO + "(assert (and))": "expected a bound on one input",
    TWO + "(assert (<= X_0 one))": "expected a bound on one input",
    TWO + "(assert (<= X_0 0x10))": "expected a bound on one input",
    TWO + "(assert (<= X_0 1_0))": "expected a bound on one input",
    TWO + "(assert (<= X_0 nan))": "expected a bound on one input",
    TWO + "(assert (<= X_0 inf))": "expected a bound on one input",
    TWO + "(assert (<= X_0 (/ 1 3)))": "expected a bound on one input",
    TWO + "(assert (<= X_0 (- (- 1))))": "expected a bound on one input",
    TWO + "(assert (<= X_0 1e999))": "in the range of float64",
    TWO
    + "\n\n(assert (or (and (>= X_0 0) (<= X_0 1))\n(and (>= X_0 2) (<= X_0 3))))": "line 6: a disjunction over inputs",
    TWO + "(assert (or (<= X_0 1) (>= Y_0 1)))": "a disjunction over inputs",
    "(declare-const X_0 \x1b[31mReal)": r"\\x1b",
    f"({'x' * 100_000})": "xxx",
}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_everything_else_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidDomainError, match=REFUSED[text]) as caught:
        limits(tmp_path, text)
    line = str(caught.value)
    assert "p.vnnlib" in line and line.isprintable() and len(line) <= 240 + len(str(tmp_path)), line


def test_hostile_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.perf_counter()
    for text, error, words in (
        ("(" * 1_000_000, ResourceLimitError, "line 1: parentheses more than 64 deep"),
        (TWO + "(assert " + "(and " * 70, ResourceLimitError, "line 4: parentheses"),
        (b"\x1f\x8b\x08\0", InvalidDomainError, "gunzip"),
        (TWO.encode() + b"\xff", InvalidDomainError, "line 4: not text"),
        ("\0" * 1000, InvalidDomainError, "expected a command"),
    ):
        with pytest.raises(error, match=words):
            limits(tmp_path, text)
    monkeypatch.setattr("vitrail.domains.vnnlib._MOST_TOKENS", 20)
    with pytest.raises(ResourceLimitError, match="more than 20 words"):
        limits(tmp_path, TWO + BOUNDS)
    monkeypatch.setattr("vitrail.domains.vnnlib._MOST_BYTES", 20)
    with pytest.raises(ResourceLimitError, match="the limit is 20"):
        limits(tmp_path, TWO + BOUNDS)
    assert time.perf_counter() - started < 5


def test_files_that_are_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    cases = {"missing": "does not exist", ".": "is a folder", "pipe": "not a regular file", "a\0b": "cannot be read"}
    for name, words in {**cases, "n" * 300: "cannot be read"}.items():
        with pytest.raises(InvalidDomainError, match=words):
            read_vnnlib_limits(f"{tmp_path}/{name}")
    for path in ("/dev/zero", "/proc/self/environ/x"):
        with pytest.raises(VitrailError):
            read_vnnlib_limits(path)

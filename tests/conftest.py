"""Fixtures that every test may use, and the settings of hypothesis."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

# The same examples on every run and machine, and no deadline: the first call of a kernel compiles it.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None, database=None, print_blob=True)
# For a search by hand: VITRAIL_HYPOTHESIS=thorough draws new examples each time, many of them.
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=2000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("VITRAIL_HYPOTHESIS", "steady"))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real networks and images: VITRAIL_DATA, else ../shared/data; skips where it is absent."""
    named = os.environ.get("VITRAIL_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no folder of test data at {folder}: set VITRAIL_DATA to one to run this test")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with the same numbers in every test and every run."""
    return np.random.default_rng(20_240_229)


@pytest.fixture
def no_figures_left() -> Iterator[None]:
    """Checks that a test leaves no figure of pyplot open."""
    import matplotlib.pyplot as plt

    plt.close("all")
    yield
    left = plt.get_fignums()
    plt.close("all")
    assert left == []

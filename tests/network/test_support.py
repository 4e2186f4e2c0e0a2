"""The table of supported operations is generated, current, and true."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx
import torch

from vitrail.network.from_onnx.registry import HANDLERS as ONNX_HANDLERS
from vitrail.network.from_torch.registry import DROPPABLE, HANDLERS
from vitrail.network.support import support_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "support.md"


def test_the_page_is_current() -> None:
    advice = "run `python -m vitrail.network.support > docs/support.md`"
    assert PAGE.read_text(encoding="utf-8") == support_table(), advice


def test_the_module_prints_the_page() -> None:
    run = subprocess.run([sys.executable, "-m", "vitrail.network.support"], capture_output=True, text=True, check=True)
    assert run.stdout == support_table()


def test_every_registered_overload_exists() -> None:
    for target in [*HANDLERS, *DROPPABLE]:
        _, name, overload = target.split(".")
        assert overload in getattr(torch.ops.aten, name).overloads(), target
    assert all(onnx.defs.has(operator) for operator in ONNX_HANDLERS)

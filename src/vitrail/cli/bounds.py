"""`vitrail bounds`: every published bound on the number of regions, beside the count."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitrail.bounds.values import exact_text
from vitrail.cli.domain import DomainOptions
from vitrail.cli.network import ModelOptions
from vitrail.cli.options import (
    Activation,
    BoxLimits,
    DropOutputActivation,
    InputFiles,
    InputShape,
    JsonOutput,
    NegativeSlope,
    OutputTensor,
    Quiet,
    Rows,
    SpaceFlag,
    VnnLib,
    number,
    whole_number,
)
from vitrail.cli.options_bounds import AllBounds, BiasDeviation, BoundsPlot, CountSeconds, Rank, Target
from vitrail.cli.options_regions import DefinitionName, LineFlag, Margin, PlaneFlag, Seed, SegmentFlag
from vitrail.cli.output import printable, rows_table, show, write_json, write_line
from vitrail.cli.targets import PICTURES, check_output, write_figure
from vitrail.errors import InvalidOptionError, ResourceLimitError
from vitrail.options import one_of
from vitrail.status import Definition

if TYPE_CHECKING:
    from vitrail.bounds import BoundsTable, Constants

__all__ = ["EXAMPLES", "bounds"]

EXAMPLES = """\b
Examples:
  vitrail bounds 784-100-100-10
  vitrail bounds 2-16-16-1 --plot bounds.png
  vitrail bounds 2-6-6-1 --activation maxout --rank 3 --json
  vitrail bounds model.onnx --plane --random 0
  vitrail bounds net.npz --box -1,1 --definition linear --all
"""

_MOST_INPUTS, _MOST_LAYERS = 30, 300
_WIDTHS = re.compile(r"\s*\d+(\s*-\s*\d+)+\s*", flags=re.ASCII)


def bounds(
    target: Target,
    box: BoxLimits = None,
    plane: PlaneFlag = False,
    line: LineFlag = False,
    segment: SegmentFlag = False,
    vnnlib: VnnLib = None,
    space: SpaceFlag = False,
    input_file: InputFiles = None,
    rows: Rows = None,
    random: Seed = None,
    margin: Margin = None,
    definition: DefinitionName = "activation",
    count_seconds: CountSeconds = "5",
    he_bias: BiasDeviation = None,
    show_all: AllBounds = False,
    plot: BoundsPlot = None,
    activation: Activation = None,
    rank: Rank = None,
    input_shape: InputShape = None,
    output_tensor: OutputTensor = None,
    drop_output_activation: DropOutputActivation = False,
    negative_slope: NegativeSlope = "0.01",
    json_output: JsonOutput = False,
    quiet: Quiet = False,
) -> int:
    """List the bounds on the number of regions that apply to widths or to a network, the tightest ones marked.

    Upper bounds hold for every network of the widths (or the given one), lower ones for some network of these widths.
    A bound whose statement was not read in its paper is labelled likely.
    """
    widths = _is_widths(target)
    if widths:
        _only_for_files(
            {"--input-shape": input_shape, "--output-tensor": output_tensor, "--vnnlib": vnnlib, "--box": box or None}
            | {"--drop-output-activation": drop_output_activation or None, "--plane": plane or None}
            | {"--line": line or None, "--segment": segment or None, "--space": space or None, "--rows": rows}
            | {"--input": input_file or None, "--random": random, "--margin": margin, "--he-bias": he_bias}
        )
        if activation == "maxout" and rank is None:
            raise InvalidOptionError("--rank: expected the number of affine functions per unit with maxout, found none")
    counted = one_of("--definition", definition, [d.value for d in Definition])
    seed, room = whole_number(random, "--random", 0), None if margin is None else number(margin, "--margin")
    domain = DomainOptions(
        *(segment, line, plane, tuple(box or ()), None, vnnlib, space),
        *(tuple(input_file or ()), rows, seed, room),
        default="space",
    )
    sources = tuple(name for name in (*(input_file or ()), vnnlib) if name is not None)
    if plot is not None:
        check_output("--plot", plot, PICTURES, target, sources)
    wanted = _Wanted(target, counted, _constants(he_bias), _seconds(count_seconds))
    if widths:
        found = wanted.of_widths(activation or "relu", whole_number(rank, "--rank", 2))
    else:
        if rank is not None:
            raise InvalidOptionError("--rank goes with widths and --activation maxout, not with a model file")
        model = ModelOptions(target, input_shape, output_tensor, drop_output_activation, activation, negative_slope)
        found = wanted.of_network(model, domain)
    if plot is not None:
        _draw(found, Path(plot), widths)
    _write(found, plot, json_output, quiet, show_all)
    return 0


@dataclass(frozen=True)
class _Wanted:
    target: str
    definition: str
    constants: Constants | None
    seconds: float

    def of_widths(self, activation: str, rank: int | None) -> BoundsTable:
        from vitrail.bounds import table

        options = {"activation": activation, "rank": rank, "definition": self.definition}
        return table(self.target, constants=self.constants, **options)  # type: ignore[arg-type]

    def of_network(self, model: ModelOptions, domain: DomainOptions) -> BoundsTable:
        from vitrail.bounds import table

        net = model.load()
        where = domain.domain(net.input_shape)
        count = "affordable" if self.seconds > 0 else None
        return table(
            net,
            where,
            definition=self.definition,
            constants=self.constants,
            count=count,
            time_limit=self.seconds or 1.0,
        )


def _is_widths(target: str) -> bool:
    """Whether the target is widths; numbers that are none are refused, as no file is meant."""
    found = _WIDTHS.fullmatch(target) is not None
    if not found and re.fullmatch(r"[\d\s-]+", target, flags=re.ASCII):
        raise InvalidOptionError(
            f"expected widths such as 784-100-100-10 (input, hidden layers, output) or a model file, found {target!r}"
        )
    return found


def _constants(deviation: str | None) -> Constants | None:
    from vitrail.bounds import Constants

    if deviation is None:
        return None
    value = number(deviation, "--he-bias")
    if value <= 0:
        raise InvalidOptionError(f"--he-bias: expected a deviation above 0, found {deviation!r}")
    return Constants.he(value)


def _seconds(text: str) -> float:
    value = number(text, "--count-seconds")
    if value < 0:
        raise InvalidOptionError(f"--count-seconds: expected seconds from 0 on, found {text!r}")
    return value


def _only_for_files(options: Mapping[str, object]) -> None:
    for name, value in options.items():
        if value is not None:
            raise InvalidOptionError(
                f"{name} goes with a model file, not with widths; for a plane give 2-... as widths"
            )


def _draw(found: BoundsTable, path: Path, growing: bool) -> None:
    from vitrail.bounds.pictures import picture, picture_of_growth

    write_figure((picture_of_growth if growing else picture)(found), path)


def _winning_depths(found: BoundsTable) -> dict[str, int | None]:
    """From how many layers as wide as the widest on deep ReLU networks certainly have more regions than one layer.

    Of as many units, and of as many parameters; none of more inputs than these tables are made for.
    """
    from vitrail.bounds.depth import smallest_winning_depth

    architecture = found.setting.architecture
    relu = architecture.layers and all(layer.activation == "relu" for layer in architecture.layers)
    if architecture.source != "widths" or not relu or architecture.input_dimension > _MOST_INPUTS:
        return {}
    depths: dict[str, int | None] = {}
    for equal in ("units", "parameters"):
        try:
            options = {"equal": equal, "limit": _MOST_LAYERS}
            depths[equal] = smallest_winning_depth(
                architecture.input_dimension,
                max(architecture.widths),
                "best",
                **options,  # type: ignore[arg-type]
            )
        except ResourceLimitError:
            depths[equal] = None
    return depths


def _write(found: BoundsTable, plot: str | None, json_output: bool, quiet: bool, show_all: bool) -> None:
    if json_output:
        document: dict[str, Any] = {"command": "bounds"} | found.to_dict() | {"files": {"plot": plot}}
        document["smallest_winning_depth"] = _winning_depths(found)
        write_json(document)
        return
    if quiet:
        # the tightest upper bound whose statement is sure, alone
        upper = found.tightest_sure_upper
        write_line("none" if upper is None else exact_text(int(upper)))
        return
    architecture = found.setting.architecture
    title = f"{architecture.name} ({architecture.activation}), bounds on {found.definition.value} regions"
    tables = [rows_table(title, ("regions", "log10", "kind", "bound", ""), found.lines(), right=(0, 1))]
    if show_all:
        reasons = [(left.statement.name, left.reason) for left in found.left_out]
        tables.append(rows_table("not listed", ("bound", "why"), reasons, right=()))
    show(*tables)
    for equal, depth in _winning_depths(found).items():
        start = f"from {depth} layers on" if depth else f"at no depth that is known (up to {_MOST_LAYERS} layers)"
        widest = max(architecture.widths)
        write_line(f"layers of {widest:,} units can have more regions than one layer of as many {equal}: {start}")
    if found.count_note:
        write_line(f"not counted: {printable(found.count_note)}")
    if plot is not None:
        write_line(f"written: {plot}")

"""`vitrail regions`: the linear regions of a network on a segment, a line, a plane or a box."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import vitrail
from vitrail.cli.domain import DomainOptions
from vitrail.cli.network import ModelOptions
from vitrail.cli.options import (
    Activation,
    DropOutputActivation,
    InputShape,
    JsonOutput,
    Model,
    NegativeSlope,
    OutputTensor,
    Quiet,
    number,
    whole_number,
)
from vitrail.cli.options_regions import (
    BoxLimits,
    Certify,
    Color,
    CountOnly,
    DefinitionName,
    Exact,
    InputFiles,
    LineFlag,
    Margin,
    MaxRegions,
    Out,
    PlaneFlag,
    Plot,
    Require,
    Rows,
    Seed,
    SegmentFlag,
    TimeLimit,
)
from vitrail.cli.output import show, write_json, write_line
from vitrail.cli.report import Report
from vitrail.cli.targets import Targets
from vitrail.errors import InvalidOptionError, NotCertifiedError
from vitrail.options import one_of
from vitrail.status import Definition, Status

if TYPE_CHECKING:
    from vitrail.domains import Domain

__all__ = ["EXAMPLES", "regions"]

EXAMPLES = """\b
Examples:
  vitrail regions net.npz --box -1,1 --plot window.png --certify
  vitrail regions model.onnx --plane --input images.npy --rows 0,7,42 --out regions.parquet
  vitrail regions model.onnx --line --random 0 --count-only --definition linear
"""

_EXACT: dict[str, bool | str] = {"needed": True, "never": False, "always": "always"}
_WITHOUT_NEVER = "leave out --exact never: exact arithmetic decides what floating point does not"


def regions(
    model: Model,
    segment: SegmentFlag = False,
    line: LineFlag = False,
    plane: PlaneFlag = False,
    box: BoxLimits = None,
    input_file: InputFiles = None,
    rows: Rows = None,
    random: Seed = None,
    margin: Margin = None,
    definition: DefinitionName = "activation",
    count_only: CountOnly = False,
    max_regions: MaxRegions = None,
    time_limit: TimeLimit = None,
    exact: Exact = "needed",
    certify: Certify = False,
    require: Require = None,
    out: Out = None,
    plot: Plot = None,
    color: Color = None,
    input_shape: InputShape = None,
    output_tensor: OutputTensor = None,
    drop_output_activation: DropOutputActivation = False,
    activation: Activation = None,
    negative_slope: NegativeSlope = "0.01",
    json_output: JsonOutput = False,
    quiet: Quiet = False,
) -> int:
    """Find the linear regions of a network on a domain, and say how sure the result is."""
    chosen = Definition(one_of("--definition", definition, [d.value for d in Definition]))
    wanted = None if require is None else one_of("--require", require, ["complete", "certified"])
    seed, room = whole_number(random, "--random", 0), None if margin is None else number(margin, "--margin")
    choice = DomainOptions(segment, line, plane, box, tuple(input_file or ()), rows, seed, room)
    limits = _Limits.of(max_regions, time_limit, exact, not (quiet or json_output) and sys.stderr.isatty())
    if certify and count_only:
        raise InvalidOptionError("--certify needs the regions, which --count-only does not keep: leave out one of them")
    targets = Targets(out, plot, color, model, count_only)
    options = ModelOptions(model, input_shape, output_tensor, drop_output_activation, activation, negative_slope)
    net = options.load()
    domain = choice.domain(net.input_shape)
    started = time.perf_counter()
    count, found = limits.count(net, domain, chosen) if count_only else limits.enumerate(net, domain, chosen)
    seconds = time.perf_counter() - started
    if found is not None:
        targets.write(found)
    certificate = vitrail.certify(found, progress=limits.progress) if certify and found is not None else None
    report = Report(options.describe(net), domain, count, found, certificate, seconds, targets.written)
    if json_output:
        write_json(report.document())
    elif quiet:
        write_line(str(count))
    else:
        show(*report.tables())
    _check(certificate, wanted, count.status, limits.exact is False)
    return 0


@dataclass(frozen=True)
class _Limits:
    """Budgets of a search, where it may be exact, and whether to show its progress."""

    max_regions: int | None
    time_limit: float | None
    exact: bool | str
    progress: bool

    @classmethod
    def of(cls, max_regions: str | None, time_limit: str | None, exact: str, progress: bool) -> _Limits:
        seconds = None if time_limit is None else number(time_limit, "--time-limit")
        if seconds is not None and seconds <= 0:
            raise InvalidOptionError(f"--time-limit: expected seconds above 0, found {time_limit!r}")
        word = one_of("--exact", exact, list(_EXACT))
        return cls(whole_number(max_regions, "--max-regions", 1), seconds, _EXACT[word], progress)

    def count(self, net: vitrail.Network, domain: Domain, definition: Definition) -> tuple[vitrail.Count, None]:
        counted = vitrail.count_regions(
            net,
            domain,
            definition,
            max_regions=self.max_regions,
            time_limit=self.time_limit,
            progress=self.progress,
            exact=self.exact,
        )
        return counted, None

    def enumerate(
        self, net: vitrail.Network, domain: Domain, definition: Definition
    ) -> tuple[vitrail.Count, vitrail.RegionSet]:
        found = vitrail.enumerate_regions(
            net,
            domain,
            max_regions=self.max_regions,
            time_limit=self.time_limit,
            progress=self.progress,
            exact=self.exact,
        )
        return found.count(definition), found


def _check(certificate: vitrail.Certificate | None, wanted: str | None, status: Status, never_exact: bool) -> None:
    """Complain about what was found, after all of it is written."""
    if certificate is not None and certificate.problems:
        advice = _WITHOUT_NEVER if never_exact else "this is a bug in Vitrail: please report it with the network"
        raise NotCertifiedError(f"--certify: the regions do not pass: {'; '.join(certificate.problems)}\n{advice}")
    if (wanted == "complete" and not status.complete) or (wanted == "certified" and not status.proven):
        advice = f"{status.advice}\n{_WITHOUT_NEVER}" if never_exact and status is Status.UNCERTIFIED else status.advice
        raise NotCertifiedError(f"--require {wanted}: the result is {status.value}\n{advice}")

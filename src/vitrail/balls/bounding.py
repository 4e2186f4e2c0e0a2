"""Upper bounds of the number of regions that meet balls, from the network's own weights."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike

from vitrail.balls.items import Items
from vitrail.balls.plan import BallPlan
from vitrail.balls.propagate import ENGINES, propagate, start
from vitrail.balls.result import LocalBound
from vitrail.balls.stages import Tally, bounds_of, interleaved, joined, tally
from vitrail.bounds.values import log10_of
from vitrail.domains.checks import real_points
from vitrail.engines.run import threads
from vitrail.errors import InvalidOptionError
from vitrail.network.network import Network
from vitrail.network.ops.base import size_of
from vitrail.options import one_of, positive_number

__all__ = ["ball_norm", "ball_radii", "local_bound", "tallies"]

_CHUNK_BYTES = 2**24
"""What the bounds of all nodes over the balls that one thread works on may take."""
_TABLES = 24
"""Numbers kept per ball and entry of the network, lines and work arrays included."""


def local_bound(
    net: Network, center: ArrayLike, radius: ArrayLike, norm: object = 2, *, engines: str = "intersection"
) -> LocalBound:
    """Bound the number of activation regions, and so of linear regions, that meet balls around inputs.

    `center` is one input or a batch (m, *input_shape); every center is taken with every `radius`, a number or a 1-D
    array, in input units. `norm`: 2, or "inf" for boxes. Regions are open sets here: of full dimension, without their
    boundaries. So the open and the closed ball meet the same ones, and a region whose closure merely touches the ball,
    at a point of both boundaries, is none of those bounded.

    Every unit's value is bounded over the ball by intervals, by Lipschitz constants around the center, and by linear
    relaxation, all rounded outward; units that cannot reach a breakpoint are not counted. The others cut the regions of
    the layers before them as hyperplanes do, in as many dimensions as the image there can have. What overflows is not
    bounded and counts as able to switch. Of several radii smaller balls profit from what is bounded over larger ones,
    and units that the relaxation leaves open in a smaller ball are not tried again in larger ones. `engines="all"` also
    says what each way gives alone, `bounds_by_engine` and `unstable_by_engine`, which takes about four times as long.

    The question is that of Zhu, Lin and Tang 2020 (Bounding the number of linear regions in local area for neural
    networks with ReLU activations); the recursion over layers that of Serra, Tjandraatmadja and Ramalingam 2018.

    Raises:
        InvalidDomainError: centers that are no inputs of the network.
        InvalidOptionError: a radius that is not a finite number above 0, another norm or other engines.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, 1.0]], None)])
        >>> found = local_bound(net, [[0.5, 2.0], [0.1, 0.1]], [0.2, 1.0])
        >>> found.bounds.tolist(), found.unstable[1, 1].tolist()
        ([[1, 2], [4, 4]], [2])
    """
    one_of("engines", engines, ["intersection", "all"])
    kind, radii = ball_norm(norm), ball_radii(radius)
    centers = real_points("center", center, net.input_shape).copy()
    plan = BallPlan(net.graph, kind)
    shape = (len(centers), radii.size)
    found = tallies(plan, centers, radii, ENGINES)
    best, products = (_nested(_objects(values, shape), radii) for values in bounds_of(plan, found.stages))
    alone = {name: tallies(plan, centers, radii, (name,)) for name in ENGINES if engines == "all"}
    return LocalBound(
        best,
        products,
        np.array([log10_of(value) for value in best.reshape(-1)]).reshape(shape),
        _split(found.unstable, shape),
        _split(found.steady, shape),
        np.array([plan.sizes[node] for node in net.graph.piecewise], dtype=np.int64),
        _split(found.dimensions, shape),
        {name: _split(own.unstable, shape) for name, own in alone.items()},
        {name: _nested(_objects(bounds_of(plan, own.stages)[0], shape), radii) for name, own in alone.items()},
        radii,
        kind,
        tuple(net.graph.nodes[node].name for node in net.graph.piecewise),
        _is_one_input(center, net) and np.ndim(radius) == 0,
    )


def tallies(plan: BallPlan, centers: np.ndarray, radii: np.ndarray, engines: Sequence[str]) -> Tally:
    """Count units over all balls, every center with every radius, some balls at a time on every thread."""
    # what overflows is not bounded and counts as able to switch: nothing to warn of, here and in every thread
    with np.errstate(over="ignore", invalid="ignore"):
        # computed once, before threads share them
        _ = plan.norms, plan.first_norms, plan.factors, plan.chain, plan.wiring, plan.deciding
    workers = os.cpu_count() or 1
    step = max(1, _CHUNK_BYTES // (8 * _TABLES * plan.entries))
    step = max(1, min(step, -(-len(centers) // workers)))
    order = np.argsort(radii, kind="stable")

    def part(first: int) -> Tally:
        own = centers[first : first + step]
        at_center, of, found = start(plan, own), np.arange(len(own)), None
        levels: list[Tally] = []
        with np.errstate(over="ignore", invalid="ignore"):
            for number in order:
                found = propagate(plan, Items(at_center, of, np.full(len(own), radii[number])), engines, found)
                levels.append(tally(plan, found, len(own)))
        return interleaved([levels[level] for level in np.argsort(order)])

    with threads(1), ThreadPoolExecutor(workers) as executor:
        return joined(list(executor.map(part, range(0, len(centers), step))))


def ball_norm(norm: object) -> str:
    """The name of a norm, "2" or "inf".

    Raises:
        InvalidOptionError: another norm.

    Example:
        >>> ball_norm(2), ball_norm(float("inf")), ball_norm("inf")
        ('2', 'inf', 'inf')
    """
    number = not isinstance(norm, bool | str) and isinstance(norm, int | float | np.integer | np.floating)
    if number and float(str(norm)) in (2.0, math.inf):
        return "2" if float(str(norm)) == 2.0 else "inf"
    return one_of("norm", {"l2": "2", "linf": "inf"}.get(str(norm), norm), ["2", "inf"])


def ball_radii(radius: ArrayLike) -> np.ndarray:
    """One radius or several as an array (r,).

    Raises:
        InvalidOptionError: not finite numbers above 0, none, or an array of another shape.

    Example:
        >>> ball_radii(1).tolist(), ball_radii([0.5, 2.0]).tolist()
        ([1.0], [0.5, 2.0])
    """
    try:
        array = np.asarray(radius)
    except ValueError:
        array = np.zeros((0, 0))
    if array.ndim > 1 or array.size == 0 or array.dtype.kind not in "iuf":
        raise InvalidOptionError(
            f"radius: expected a finite number above 0 or a 1-D array of them, found {array.dtype} of shape "
            f"{array.shape}"
        )
    return np.array([positive_number("radius", value) for value in array.reshape(-1).astype(np.float64).tolist()])


def _is_one_input(center: ArrayLike, net: Network) -> bool:
    shape = np.shape(center)
    return shape in (net.input_shape, (size_of(net.input_shape),))


def _objects(values: Sequence[int], shape: tuple[int, int]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape)


def _nested(bounds: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Bounds (m, r) that what holds for a larger ball around the same center may improve."""
    order = np.argsort(-radii, kind="stable")
    result = np.empty_like(bounds)
    result[:, order] = np.minimum.accumulate(bounds[:, order], axis=1)
    return result


def _split(table: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return table.reshape(*shape, -1) if table.shape[1] else np.zeros((*shape, 0), dtype=table.dtype)

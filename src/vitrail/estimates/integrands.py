"""What is integrated over a domain to get the expected volume of boundaries, at points of one sampled network.

B. Hanin and D. Rolnick, Complexity of linear regions in deep networks, ICML 2019: the expected volume of where k units
are at breakpoints is the integral of the mean of ||J|| rho over all k units, J their gradients, ||J|| the root of the
determinant of J J^T, and rho the density of their biases where it puts them there. A unit behind another one of the k
is seen as it is when that one is at its breakpoint: with a bias that is not the sampled one.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

import numpy as np

from vitrail.estimates.activations import Activation
from vitrail.estimates.initialization import Initialization, Layers
from vitrail.estimates.sweep import Pins, State, densities, parts_of, reached, start, sweep

__all__ = ["pair_integrand", "single_integrand", "subset_integrand"]


def single_integrand(
    layers: Layers,
    initialization: Initialization,
    activation: Activation,
    points: np.ndarray,
    directions: np.ndarray,
    good: bool = False,
) -> np.ndarray:
    """The density of boundaries of single units at inputs (points, n), along directions (k, n); (points,).

    With `good` only where the unit's change comes through to the output. Then later layers see the unit at its
    breakpoint.
    """
    result = np.zeros(len(points))
    widest = max(bias.size for _, bias in layers)
    rows = widest * widest if good else widest
    for part in parts_of(len(points), rows * (len(directions) + 1)):
        first = start(layers[0][0], points[part], directions)
        for number, state in enumerate(sweep(layers, activation, first)):
            lengths = np.sqrt(np.einsum("kpu,kpu->pu", state.slopes, state.slopes))
            rho = densities(state.values, initialization, activation, layers[number][0].shape[1])
            for level, density in zip(activation.breakpoints, rho, strict=True):
                weights = lengths * density
                if good and activation.may_close:
                    weights = _reaching(layers, number, activation, state, level, weights)
                result[part] += weights.sum(axis=1)
    return result


def _reaching(
    layers: Layers, number: int, activation: Activation, state: State, level: float, weights: np.ndarray
) -> np.ndarray:
    """The weights (points, units) of units of layer `number` at a breakpoint, 0 where their change is lost behind."""
    row, unit = np.nonzero(weights)
    following = layers[number + 1][0]
    at_level = activation.value(np.array(level))
    # all other units as they are: one column of the weights is the difference
    change = (at_level - state.outputs[row, unit])[:, None] * following[:, unit].T
    values = (state.outputs @ following.T)[row] + change
    found = np.zeros_like(weights)
    found[row, unit] = np.where(reached(layers[number + 1 :], activation, values), weights[row, unit], 0.0)
    return found


def pair_integrand(
    layers: Layers,
    initialization: Initialization,
    activation: Activation,
    points: np.ndarray,
    directions: np.ndarray,
) -> np.ndarray:
    """The density of where two units are at breakpoints at inputs (points, n), over all pairs of units; (points,)."""
    result = np.zeros(len(points))
    widest = max(bias.size for _, bias in layers)
    for part in parts_of(len(points), widest * widest * (len(directions) + 1)):
        own = np.zeros(part.stop - part.start)
        first = start(layers[0][0], points[part], directions)
        for number, state in enumerate(sweep(layers, activation, first)):
            inputs = layers[number][0].shape[1]
            rho = densities(state.values, initialization, activation, inputs)
            own += _within(state, np.sum(rho, axis=0))
            for level, density in zip(activation.breakpoints, rho, strict=True):
                own += _behind(layers[number:], initialization, activation, state, level, density)
        result[part] = own
    return result


def _within(state: State, rho: np.ndarray) -> np.ndarray:
    """Pairs of units of one layer, (points,)."""
    gram = np.einsum("kpi,kpj->pij", state.slopes, state.slopes)
    squares = np.einsum("pii->pi", gram)
    areas = np.sqrt(np.maximum(squares[:, :, None] * squares[:, None] - gram**2, 0.0))
    i = np.arange(rho.shape[1])
    areas[:, i, i] = 0.0
    return np.asarray(0.5 * np.einsum("pi,pij,pj->p", rho, areas, rho))


def _behind(
    layers: Layers,
    initialization: Initialization,
    activation: Activation,
    state: State,
    level: float,
    density: np.ndarray,
) -> np.ndarray:
    """Pairs of a unit of the first of these layers, at one breakpoint, and a unit of a later one, (points,)."""
    result = np.zeros(len(density))
    row, unit = np.nonzero(density)
    if len(layers) < 3 or not row.size:
        return result
    outputs, slopes = state.outputs[row], state.output_slopes[:, row]
    places = np.arange(row.size)
    outputs[places, unit] = activation.value(np.array(level))
    slopes[:, places, unit] = 0.0
    gradient = state.slopes[:, row, unit]
    square = np.einsum("kr,kr->r", gradient, gradient)
    following, total = layers[1][0], np.zeros(row.size)
    for number, later in enumerate(sweep(layers[1:], activation, (outputs @ following.T, slopes @ following.T)), 1):
        rho = np.sum(densities(later.values, initialization, activation, layers[number][0].shape[1]), axis=0)
        squares = np.einsum("kru,kru->ru", later.slopes, later.slopes)
        products = np.einsum("kr,kru->ru", gradient, later.slopes)
        areas = np.sqrt(np.maximum(square[:, None] * squares - products**2, 0.0))
        total += (areas * rho).sum(axis=1)
    np.add.at(result, row, density[row, unit] * total)
    return result


def subset_integrand(
    layers: Layers,
    initialization: Initialization,
    activation: Activation,
    points: np.ndarray,
    directions: np.ndarray,
    codimension: int,
    subsets: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """An unbiased estimate of the density of where `codimension` units are at breakpoints, from random ones; (points,).

    At each point so many sets of different units are drawn, all equally likely, with a breakpoint each.
    """
    inputs_of_units = np.concatenate([np.full(bias.size, weight.shape[1]) for weight, bias in layers[:-1]])
    units, bends = inputs_of_units.size, np.array(activation.breakpoints)
    weight = comb(units, codimension) * float(len(bends)) ** codimension / subsets
    result = np.zeros(len(points))
    for part in parts_of(len(points), subsets * (units + max(b.size for _, b in layers) * len(directions))):
        own = points[part]
        chosen = np.sort(_subsets(rng, len(own) * subsets, units, codimension), axis=1)
        pins = Pins(chosen, bends[rng.integers(bends.size, size=chosen.shape)])
        values, slopes = start(layers[0][0], own, directions)
        first = np.repeat(values, subsets, axis=0), np.repeat(slopes, subsets, axis=1)
        values, gradients = _seen(sweep(layers, activation, first, pins), chosen, len(directions))
        rho = np.ones(len(chosen))
        for place in range(codimension):
            for inputs in np.unique(inputs_of_units).tolist():
                mine = inputs_of_units[chosen[:, place]] == inputs
                away = pins.breakpoints[mine, place] - values[mine, place]
                rho[mine] *= initialization.bias_density(away, inputs)
        # the volume is the product of a triangular factor's diagonal, which no determinant of squares needs
        diagonal = np.abs(np.einsum("rii->ri", np.linalg.qr(gradients, mode="r")))
        terms = rho * diagonal.prod(axis=1)
        result[part] = weight * terms.reshape(len(own), subsets).sum(axis=1)
    return result


def _subsets(rng: np.random.Generator, rows: int, units: int, size: int) -> np.ndarray:
    if size == units:
        return np.tile(np.arange(units), (rows, 1))
    return np.argpartition(rng.random((rows, units)), size - 1, axis=1)[:, :size]


def _seen(states: Iterator[State], chosen: np.ndarray, directions: int) -> tuple[np.ndarray, np.ndarray]:
    """Values (rows, m) and gradients (rows, k, m) of the chosen units."""
    values, gradients = np.zeros(chosen.shape), np.zeros((len(chosen), directions, chosen.shape[1]))
    offset = 0
    for state in states:
        local = chosen - offset
        row, place = np.nonzero((local >= 0) & (local < state.values.shape[1]))
        unit = local[row, place]
        values[row, place] = state.values[row, unit]
        gradients[row, :, place] = state.slopes[:, row, unit].T
        offset += state.values.shape[1]
    return values, gradients

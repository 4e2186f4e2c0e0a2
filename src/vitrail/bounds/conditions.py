"""The conditions of validity that several bounds share."""

from __future__ import annotations

from collections.abc import Callable

from vitrail.bounds.architecture import Layer
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import Condition

__all__ = [
    "AS_WIDE",
    "BIASED",
    "BIASED_BEHIND",
    "BOX",
    "CONSTANTS",
    "DENSE",
    "ELEMENTWISE",
    "HIDDEN",
    "MAXOUT",
    "ONE_INPUT",
    "ONE_LAYER",
    "RANKS",
    "RELU",
    "SEQUENTIAL",
    "TWO_PIECES",
    "UNBIASED",
    "WEIGHTS",
    "every_layer",
    "on_setting",
]


def every_layer(text: str, test: Callable[[Layer], bool], found: Callable[[Layer], str]) -> Condition:
    """A condition on every layer; its failure names the first layer that does not meet it, counted from 1.

    Example:
        >>> from vitrail.bounds.architecture import Architecture
        >>> wide = every_layer("layers of 3 units or more", lambda a: a.units >= 3, lambda a: f"{a.units} units")
        >>> wide.failure(Setting(Architecture.of("2-3-2-1")))
        '2 units in layer 2'
    """

    def failure(setting: Setting) -> str | None:
        for number, layer in enumerate(setting.layers, start=1):
            if not test(layer):
                return f"{found(layer)} in layer {number}"
        return None

    return Condition(text, failure)


def on_setting(text: str, test: Callable[[Setting], bool], found: Callable[[Setting], str]) -> Condition:
    """A condition on the setting as a whole."""
    return Condition(text, lambda setting: None if test(setting) else found(setting))


def _activation(layer: Layer) -> str:
    return layer.activation


RELU = every_layer(
    "units with two pieces of which one is constant (ReLU)",
    lambda layer: layer.switched_off and all(pieces == 2 for pieces, _ in layer.pieces),
    _activation,
)
TWO_PIECES = every_layer("units of two pieces", lambda layer: all(p == 2 for p, _ in layer.pieces), _activation)
ELEMENTWISE = every_layer("units that one pre-activation decides", lambda layer: not layer.maximum, _activation)
MAXOUT = every_layer("maxout units", lambda layer: layer.maximum, _activation)
DENSE = every_layer(
    "fully connected layers, every weight free",
    lambda layer: layer.dense,
    lambda layer: "a convolution" if layer.kernel else "weights that are shared, missing or fixed",
)
SEQUENTIAL = on_setting(
    "layers that read the layer before alone", lambda s: s.architecture.sequential, lambda _: "skip connections"
)
HIDDEN = on_setting("a hidden layer", lambda s: len(s.layers) > 0, lambda _: "none")
ONE_LAYER = on_setting("one hidden layer", lambda s: len(s.layers) == 1, lambda s: str(len(s.layers)))
AS_WIDE = on_setting(
    "at least as many units as inputs in every layer",
    lambda s: all(width >= s.input_dimension for width in s.widths),
    lambda s: f"{min(s.widths)} units in a layer for {s.input_dimension} inputs",
)
ONE_INPUT = on_setting("one input", lambda s: s.input_dimension == 1, lambda s: str(s.input_dimension))
BIASED = every_layer("biases in every layer", lambda layer: layer.biased, lambda _: "none")
BIASED_BEHIND = on_setting(
    "biases in every layer after the first", lambda s: all(layer.biased for layer in s.layers[1:]), lambda _: "none"
)
UNBIASED = on_setting("a network without biases", lambda s: s.architecture.homogeneous, lambda _: "biases")
WEIGHTS = on_setting(
    "the weights of a fully connected network", lambda s: s.weights is not None, lambda _: "an architecture alone"
)
RANKS = on_setting("the ranks of the weights", lambda s: s.ranks is not None, lambda _: "an architecture alone")
BOX = on_setting("a box or a segment as domain", lambda s: s.lengths is not None, lambda _: "another domain or none")
CONSTANTS = on_setting(
    "the constants of a distribution of networks with these activations",
    lambda s: s.constants is not None and s.constants.hold_for(s.architecture),
    lambda s: "none" if s.constants is None else f"those for {s.constants.activation}",
)

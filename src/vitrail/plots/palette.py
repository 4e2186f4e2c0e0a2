"""Colors: of patterns, classes and layers; each stays the same from picture to picture."""

from __future__ import annotations

import numpy as np

__all__ = ["INK", "LEAD", "class_colors", "layer_colors", "oklch", "pattern_colors", "pattern_shades", "tint"]

INK = "#1b1f2a"
"""Text, decision boundaries and markers."""

LEAD = "#2b2f3a"
"""The lines between panes."""

# ten classes that people with any of the common color blindnesses can tell apart, mostly by lightness
_CLASSES = (
    *("#0072b2", "#d55e00", "#56b4e9", "#e69f00", "#117733"),
    *("#999933", "#332288", "#cc79a7", "#44aa99", "#882255"),
)
_LAYERS = ("#14213d", "#c8452c", "#2a9187", "#8a63b0", "#c98a1b", "#6b7280")
_YELLOW = 0.3
_MANY_LAYERS = "viridis"
_LIGHTEST_SHARE = 0.8  # the light end of the color map would vanish on white


def oklch(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """Colors (..., 3) in sRGB from lightness 0 to 1, chroma 0 to about 0.3 and hue in turns, clipped to the gamut.

    OKLab of B. Ottosson, "A perceptual color space for image processing" (2020): equal steps look equal.

    Example:
        >>> oklch(np.array(1.0), np.array(0.0), np.array(0.0)).round(3).tolist()
        [1.0, 1.0, 1.0]
    """
    a, b = chroma * np.cos(2 * np.pi * hue), chroma * np.sin(2 * np.pi * hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short
    linear = np.clip(np.stack([red, green, blue], axis=-1), 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _mix(words: np.ndarray) -> np.ndarray:
    """64 well-mixed bits for each row of words: the finalizer of splitmix64 (Steele, Lea, Flood 2014), chained."""
    state = np.full(words.shape[0], 0x9E3779B97F4A7C15, dtype=np.uint64)
    for column in np.ascontiguousarray(words).view(np.uint64).T:
        state = state * np.uint64(0x9E3779B97F4A7C15) + column
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    return state


def _shares(words: np.ndarray) -> np.ndarray:
    """Three numbers in [0, 1) for each row of words, shape (3, rows)."""
    bits = _mix(words)
    parts = np.stack([bits >> np.uint64(44), (bits >> np.uint64(22)) & np.uint64(0xFFFFF), bits & np.uint64(0xFFFFF)])
    return parts / 2.0**20


def pattern_colors(words: np.ndarray) -> np.ndarray:
    """One soft color per pattern, shape (regions, 3), from its packed words alone: no run, window or order changes it.

    Lightness varies as much as hue, so that neighbors differ for color-blind readers and in print.

    Example:
        >>> colors = pattern_colors(np.array([[5, 1], [4, 1], [5, 1]]))
        >>> bool((colors[0] == colors[2]).all()), bool((colors[0] == colors[1]).all())
        (True, False)
    """
    hue, light, strength = _shares(words)
    # dark yellow looks like mud: lift the lightness around that hue
    return oklch(0.64 + 0.26 * light + 0.05 * np.cos(2 * np.pi * (hue - _YELLOW)), 0.05 + 0.075 * strength, hue)


def pattern_shades(words: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for each pattern, shape (regions,), from its packed words alone."""
    return _shares(words)[1]


def tint(colors: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Colors (n, 3) mixed with white: strength (n,) 0 is white, 1 the color itself."""
    return 1.0 - strength[:, None] * (1.0 - colors)


def class_colors(classes: np.ndarray, outputs: int) -> np.ndarray:
    """A color for each class number, shape (n, 3): from a fixed list up to ten outputs, hashed beyond.

    Example:
        >>> class_colors(np.array([0, 9, 0]), 10).shape, class_colors(np.array([731]), 1000).shape
        ((3, 3), (1, 3))
    """
    if outputs > len(_CLASSES):
        hue, light, strength = _shares(np.asarray(classes, dtype=np.int64)[:, None])
        return oklch(0.40 + 0.40 * light, 0.09 + 0.08 * strength, hue)
    return _from_hex(_CLASSES)[classes]


def layer_colors(count: int) -> np.ndarray:
    """A color for each of `count` layers, shape (count, 3), dark enough for thin lines on white."""
    if count <= len(_LAYERS):
        return _from_hex(_LAYERS)[:count]
    from matplotlib import colormaps

    return np.asarray(colormaps[_MANY_LAYERS](np.linspace(0.0, _LIGHTEST_SHARE, count)))[:, :3]


def _from_hex(colors: tuple[str, ...]) -> np.ndarray:
    return np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in colors]) / 255

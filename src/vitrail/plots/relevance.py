"""Relevance of surrounding regions: gradient, pattern and class against the distance from a point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from vitrail.plots.palette import class_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RelevanceView", "plot_relevance"]

_BAND, _ERRORS = 0.18, 2.0
_COLORS = np.array([0, 4, 1])
_MARGIN = 1.1  # factor beside the smallest and largest radius


class RelevanceView(Protocol):
    """Gradients and patterns around a point as the picture sees them; `Relevance` is one. Arrays as described there."""

    @property
    def radii(self) -> np.ndarray:
        """Distances, shape (radii,)."""

    @property
    def directions(self) -> np.ndarray:
        """Directions, shape (directions, n)."""

    @property
    def outside(self) -> np.ndarray:
        """Points outside the domain, shape (radii,)."""

    @property
    def zero_gradients(self) -> np.ndarray:
        """Points without a cosine, shape (radii,)."""

    @property
    def mean_cosine(self) -> np.ndarray:
        """Mean cosine of the gradients, shape (radii,)."""

    @property
    def cosine_error(self) -> np.ndarray:
        """Its standard error."""

    @property
    def mean_switched(self) -> np.ndarray:
        """Mean share of units that switched, shape (radii,)."""

    @property
    def switched_error(self) -> np.ndarray:
        """Its standard error."""

    @property
    def same_share(self) -> np.ndarray:
        """Share of points with the same class, shape (radii,)."""

    @property
    def same_error(self) -> np.ndarray:
        """Its standard error."""


def plot_relevance(relevance: RelevanceView, ax: Axes | None = None) -> Axes:
    """Draw mean gradient cosine, share of switched units and share of equal classes against the radius.

    Bands are two standard errors to either side, no further than the possible values; where there are fewer than two
    points there is none. The legend's title says how many directions there are, and at most how many of them left the
    domain or had a zero gradient at one radius. Returns the Axes, new ones where `ax` is None.

    Example:
        >>> import vitrail
        >>> from matplotlib.figure import Figure
        >>> from vitrail.local.relevance import relevance
        >>> net = vitrail.Network.from_arrays([([[1.0], [-1.0]], None), ([[1.0, 1.0]], None)])
        >>> ax = plot_relevance(relevance(net, [1.0], [[1.0], [-1.0]], radii=[0.5, 2.0]), Figure().add_subplot())
        >>> ax.get_xscale(), ax.get_legend().get_title().get_text()
        ('log', '2 directions')
    """
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.figure(layout="compressed").add_subplot()
    rows = (
        ("cosine of the gradients", relevance.mean_cosine, relevance.cosine_error, "o", -1.0),
        ("same predicted class", relevance.same_share, relevance.same_error, "s", 0.0),
        ("units that switched", relevance.mean_switched, relevance.switched_error, "^", 0.0),
    )
    order = np.argsort(relevance.radii)
    radii, lowest = relevance.radii[order], 0.0
    for (label, mean, error, marker, bound), color in zip(rows, class_colors(_COLORS, 10), strict=True):
        center, room, shade = mean[order], _ERRORS * error[order], tuple(color)
        low, high = np.maximum(center - room, bound), np.minimum(center + room, 1.0)
        ax.fill_between(radii, low, high, color=shade, alpha=_BAND, linewidth=0.0)
        ax.plot(radii, center, color=shade, linewidth=1.8, marker=marker, markersize=3.5, label=label)
        lowest = float(np.fmin.reduce(np.concatenate([low, center, [lowest]])))
    if np.isnan(relevance.same_share).all():
        ax.text(0.5, 0.5, "no points inside the domain", ha="center", va="center", transform=ax.transAxes)
    ax.set_xscale("log")
    ax.set_xlim(radii[0] / _MARGIN, radii[-1] * _MARGIN)
    ax.set_ylim(lowest - 0.03, 1.03)
    ax.set_xlabel("distance from the point (input units)")
    ax.set_ylabel("mean over the directions")
    ax.spines[["top", "right"]].set_visible(False)
    title = _title(relevance)
    ax.legend(title=title, loc="best", frameon=False, fontsize="small", title_fontsize="small", alignment="left")
    return ax


def _title(relevance: RelevanceView) -> str:
    left = [
        (int(relevance.outside.max()), "outside the domain"),
        (int(relevance.zero_gradients.max()), "zero gradients"),
    ]
    found = ", ".join(f"{count:,} {what}" for count, what in left if count)
    return f"{len(relevance.directions):,} directions" + (f"\n(at most {found})" if found else "")

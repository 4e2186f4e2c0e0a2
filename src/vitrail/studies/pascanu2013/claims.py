"""What the paper claims of deep and shallow networks, and what counting says to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vitrail.bounds import pascanu2013, serra2018
from vitrail.bounds.depth import DepthComparison, compare
from vitrail.studies.claims import Claim, PaperClaim

if TYPE_CHECKING:
    import pandas

__all__ = ["STATEMENTS", "claims", "comparison", "drawn_ratios", "equal_widths", "proven"]

_ASKED_HERE = "asked here: the paper speaks of the best weights only"

SHALLOW = PaperClaim(
    1,
    "one layer of n units has at most C(n, 0) + ... + C(n, n_0) linear regions, and some weights attain that",
    "Proposition 2, number from memory",
)
GENERAL = PaperClaim(
    2,
    "hyperplanes in general position attain the maximum of one layer, so that weights drawn at random do",
    "Proposition 2, number from memory",
)
DEEP = PaperClaim(
    3,
    "some weights give layers n_1, ..., n_k at least prod_(i<k) floor(n_i / n_0) cap(n_k, n_0) linear regions",
    "Theorem 1, number from memory",
)
DOUBLE = PaperClaim(
    4,
    "even for few layers of n = 2 n_0 units a deep model has considerably more linear regions than a shallow one",
    "abstract; the formula behind it was derived here",
)
EQUAL_UNITS = PaperClaim(
    5,
    "for n >= 2 n_0 deep networks have more regions than any shallow one of as many units, from some depth on",
    "abstract",
)
GROWTH = PaperClaim(
    6,
    "floor(n / n_0)^(k-1) grows faster than k^n_0, as n grows or, for n >= 2 n_0, as k grows",
    "abstract",
)
PER_PARAMETER = PaperClaim(
    7,
    "regions per parameter grow exponentially with depth, and faster than those of shallow networks of as many units",
    "section on asymptotics, from memory",
)
DRAWN = PaperClaim(
    8,
    "a deep network as initialized has more regions than any shallow one of as many units",
    _ASKED_HERE,
)
DRAWN_DEPTH = PaperClaim(9, "as initialized, regions grow with depth at equal units", _ASKED_HERE)
NEAR = PaperClaim(
    10, "a deep network as initialized has a tenth of the regions that the best weights have", _ASKED_HERE
)
TRAINED = PaperClaim(
    11,
    "a trained deep network has more regions than any shallow one of as many units",
    _ASKED_HERE,
)
TRAINED_NEAR = PaperClaim(
    12, "a trained deep network has a tenth of the regions that the best weights have", _ASKED_HERE
)

STATEMENTS = (
    *(SHALLOW, GENERAL, DEEP, DOUBLE, EQUAL_UNITS, GROWTH, PER_PARAMETER),
    *(DRAWN, DRAWN_DEPTH, NEAR, TRAINED, TRAINED_NEAR),
)
"""What is judged: the paper's claims, and what they suggest of usual networks."""


def claims(results: pandas.DataFrame) -> list[Claim]:
    """A verdict on each of the statements."""
    return [
        _shallow(results),
        _general(results),
        _deep(results),
        _double(results),
        _equal_units(results),
        _growth(results),
        _per_parameter(results),
        *_drawn(results),
        *_trained(results),
    ]


def equal_widths(text: str) -> list[int]:
    """The widths that a column shows as 8-8-8.

    Example:
        >>> equal_widths("8-8-8")
        [8, 8, 8]
    """
    return [int(width) for width in str(text).split("-")]


def comparison(inputs: int, widths: str) -> DepthComparison:
    """Bounds for layers of equal width against shallow networks.

    Example:
        >>> comparison(2, "4-4-4").shallow_regions
        79
    """
    found = equal_widths(widths)
    return compare(int(inputs), found[0], len(found))


def proven(rows: pandas.DataFrame) -> bool:
    """Whether all counts are proven; False without any."""
    return len(rows) > 0 and bool(rows["status"].isin(("exact", "certified")).all())


def _part(results: pandas.DataFrame, part: str) -> pandas.DataFrame:
    return results[results["part"] == part]


def _shallow(results: pandas.DataFrame) -> Claim:
    rows = _part(results, "shallow")
    if rows.empty:
        return SHALLOW.not_testable("nothing was counted")
    most = [pascanu2013.exact(int(n0), int(units)) for n0, units in zip(rows["inputs"], rows["units"], strict=True)]
    hits = int(((rows["activation"] == most) & (rows["linear"] == most)).sum())
    drawn = _one_layer(results)
    above = int((drawn["activation"] > drawn["most"]).sum())
    ours = f"{hits} of {len(rows)} constructed attain it, up to {max(most):,} regions; "
    ours += f"{above} of {len(drawn)} drawn exceed it"
    holds = hits == len(rows) and above == 0 and proven(rows) and (drawn.empty or proven(drawn))
    return SHALLOW.check(
        ours, holds, "linear and activation regions of constructed networks, counted on the whole space"
    )


def _one_layer(results: pandas.DataFrame) -> pandas.DataFrame:
    rows = _part(results, "random")
    rows = rows[rows["layers"] == 1]
    most = [pascanu2013.exact(int(n0), int(units)) for n0, units in zip(rows["inputs"], rows["units"], strict=True)]
    return rows.assign(most=np.array(most, dtype=np.float64))


def _general(results: pandas.DataFrame) -> Claim:
    rows = _one_layer(results)
    if rows.empty:
        return GENERAL.not_testable("nothing was counted")
    hits = int(((rows["activation"] == rows["most"]) & (rows["linear"] == rows["most"])).sum())
    ours = f"{hits} of {len(rows)} drawn networks attain it, {_dimensions(rows)} inputs"
    return GENERAL.check(ours, hits == len(rows) and proven(rows), "each of them was counted on the whole space")


def _deep(results: pandas.DataFrame) -> Claim:
    """The different affine maps in a cube are a lower bound for the linear regions of the whole space."""
    rows = _part(results, "deep")
    if rows.empty:
        return DEEP.not_testable("nothing was counted")
    widths = [equal_widths(text) for text in rows["widths"]]
    bounds = [pascanu2013.lower(int(n0), each) for n0, each in zip(rows["inputs"], widths, strict=True)]
    uppers = [serra2018.upper(int(n0), each) for n0, each in zip(rows["inputs"], widths, strict=True)]
    reached = rows["affine"].to_numpy() >= bounds
    exactly = (rows["affine"].to_numpy() == bounds) & (rows["network"] == "one fold").to_numpy()
    as_predicted = (rows["activation"] == rows["predicted"]).to_numpy()
    below = rows["activation"].to_numpy() <= uppers
    gain = float((rows["affine"].to_numpy() / np.array(bounds, dtype=np.float64)).max())
    ours = (
        f"{int(reached.sum())} of {len(rows)} networks have as many, up to {int(rows['affine'].max()):,}; "
        f"{int(exactly.sum())} with one fold have exactly as many, other ones up to {gain:,.0f} times as many"
    )
    holds = bool(reached.all() and as_predicted.all() and below.all()) and proven(rows)
    why = "different affine maps in the unit cube, each of a linear region of its own; none above the upper bound"
    return DEEP.check(ours, holds, why)


def _double(results: pandas.DataFrame) -> Claim:
    rows = _part(results, "depths")
    rows = rows[rows["question"] == "double width"]
    counted = _part(results, "deep")
    counted = counted[
        (counted["network"] == "folding") & (counted["units"] == 2 * counted["inputs"] * counted["layers"])
    ]
    counted = counted[counted["layers"] >= 3]
    if rows.empty or counted.empty:
        return DOUBLE.not_testable("nothing was counted")
    two = sorted(int(n0) for n0 in rows.loc[rows["depth"] <= 2, "inputs"])
    all_from_three = bool((rows["depth"] <= 3).all())
    gains = rows.set_index("inputs")["gain"]
    wins = sum(
        int(affine) > comparison(n0, text).shallow_regions
        for n0, text, affine in counted[["inputs", "widths", "affine"]].itertuples(index=False)
    )
    ours = (
        f"3 layers win for all n_0 looked at, by a factor {gains.min():.3g} to {gains.max():.3g}; 2 layers only for "
        f"n_0 in {two}; counted, {wins} of {len(counted)} networks of 3 layers or more win"
    )
    holds = all_from_three and wins == len(counted) and proven(counted)
    why = f"2^((k-1) n_0) cap(2 n_0, n_0) against the exact shallow maximum, n_0 = {_dimensions(rows)}"
    return DOUBLE.check(ours, holds, why)


def _equal_units(results: pandas.DataFrame) -> Claim:
    rows = _part(results, "depths")
    rows = rows[(rows["question"] == "equal units") & (rows["bound"] == "pascanu2013")]
    if rows.empty:
        return EQUAL_UNITS.not_testable("nothing was computed")
    deep = _part(results, "deep")
    shown, tested, wins = [], 0, 0
    for n0, width, depth in rows[["inputs", "widths", "depth"]].itertuples(index=False):
        shown.append(f"{int(n0)}-{width}: {depth:.0f}")
        # with one input folding is the network with one fold
        text = "-".join([str(width)] * (0 if np.isnan(depth) else int(depth)))
        at_depth = deep[(deep["inputs"] == n0) & (deep["widths"] == text)]
        at_depth = at_depth[at_depth["network"] == ("folding" if n0 == 1 else "one fold")]
        for affine in at_depth["affine"]:
            tested += 1
            wins += int(affine) > comparison(n0, text).shallow_regions
    holds = bool(rows["depth"].notna().all()) and wins == tested and tested > 0 and proven(deep)
    ours = f"smallest depths by the bound (n_0-n: k) {', '.join(shown)}; {wins} of {tested} counted at that depth win"
    why = "lower bound against the exact shallow maximum; networks that attain the bound counted where they can be"
    return EQUAL_UNITS.check(ours, holds, why)


def _growth(results: pandas.DataFrame) -> Claim:
    rows = _part(results, "depths")
    rows = rows[rows["question"] == "power"]
    if rows.empty:
        return GROWTH.not_testable("nothing was computed")
    latest = rows.loc[rows["depth"].idxmax()] if rows["depth"].notna().any() else rows.iloc[0]
    ours = (
        f"for good from a finite depth on for all {len(rows)} pairs (n_0, n), the latest {latest['depth']:.0f} for "
        f"n_0 = {int(latest['inputs'])}, n = {latest['widths']}"
    )
    why = (
        "the quotient of both sides grows for ever once floor(n / n_0) k^n_0 >= (k + 1)^n_0; as n grows, k^n_0 stays "
        "and the other side does not, for k >= 2"
    )
    return GROWTH.check(ours, bool(rows["depth"].notna().all()), why)


def _per_parameter(results: pandas.DataFrame) -> Claim:
    """Growth by a rising factor with every layer, and a lead over one layer that grows from two layers on.

    The paper speaks of many layers, so whether two layers lead already is told, and is no part of the verdict.
    """
    rows = _part(results, "deep")
    rows = rows[rows["network"] == "folding"].sort_values("layers")
    raised, steps, lowest, leads = 0, 0, np.inf, True
    behind = []
    for (n0, width), group in rows.assign(width=rows["units"] // rows["layers"]).groupby(["inputs", "width"]):
        if len(group) < 2:
            continue
        shallow = np.array([float(comparison(n0, text).shallow_per_parameter) for text in group["widths"]])
        deep = (group["affine"] / group["parameters"]).to_numpy()
        factors, growing = deep[1:] / deep[:-1], np.diff(deep / shallow) > 0.0
        steps += len(factors)
        raised += int(((factors > 1.0) & (np.diff(factors, prepend=1.0) >= 0.0)).sum())
        lowest = min(lowest, float(factors.min()))
        leads &= bool(growing[1:].all())
        behind += [] if growing[0] else [f"{n0:.0f}-{width:.0f}"]
    if steps == 0:
        return PER_PARAMETER.not_testable("nothing was counted at several depths")
    ours = (
        f"{raised} of {steps} further layers raise them, each by more than the one before, at least {lowest:.3g}-fold; "
        f"the lead over one layer grows from 2 layers on: {'always' if leads else 'not always'}; "
        f"2 layers are behind for n_0-n in [{', '.join(behind)}]"
    )
    return PER_PARAMETER.check(ours, raised == steps and leads and proven(rows), "folding networks, counted")


def drawn_ratios(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Deep networks of which some have more regions than any shallow one, compared with both by logarithms.

    `against_shallow` is log2 of their activation regions over the maximum of a shallow network of as many units,
    `against_best` log10 of them over the best lower bound on what their layers can have.
    """
    found = []
    for n0, text, seed, regions in rows[["inputs", "widths", "seed", "activation"]].itertuples(index=False):
        bounds = comparison(n0, text)
        if bounds.layers > 1 and bounds.deep_wins:
            shallow, best = np.log2(regions / bounds.shallow_regions), np.log10(regions / bounds.deep_lower)
            found.append({"widths": text, "seed": seed, "against_shallow": shallow, "against_best": best})
    import pandas

    return pandas.DataFrame(found, columns=["widths", "seed", "against_shallow", "against_best"])


def _per_seed(ratios: pandas.DataFrame, column: str) -> np.ndarray:
    """The mean over the networks of each seed."""
    return ratios.groupby("seed")[column].mean().to_numpy()


def _drawn(results: pandas.DataFrame) -> list[Claim]:
    rows = _part(results, "random")
    rows = rows[rows["inputs"] == 2]
    found: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for name, group in rows.groupby("network"):
        ratios = drawn_ratios(group)
        found[str(name)] = (_per_seed(ratios, "against_shallow"), _slopes(group), _per_seed(ratios, "against_best"))
    if "he normal" not in found:
        return [claim.not_testable("nothing was counted") for claim in (DRAWN, DRAWN_DEPTH, NEAR)]
    shallow, slopes, best = found.pop("he normal")
    claims = [
        DRAWN.over_seeds("he normal: log2(regions / shallow maximum), mean over architectures", shallow, above=0.0),
        DRAWN_DEPTH.over_seeds("he normal: slope of log2(regions) by hidden layers", slopes, above=0.0),
        NEAR.over_seeds("he normal: log10(regions / best lower bound), mean over architectures", best, above=-1.0),
    ]
    for name, others in found.items():
        means = [float(np.mean(values)) if values.size else float("nan") for values in others]
        claims = [replace(c, ours=f"{c.ours}; {name}: {mean:.4g}") for c, mean in zip(claims, means, strict=True)]
    return claims


def _slopes(rows: pandas.DataFrame) -> np.ndarray:
    """For each seed, the slope of log2(regions) by layers at equal units, mean over the numbers of units."""
    slopes = []
    for _, group in rows.groupby("seed"):
        own = []
        for _, equal in group.groupby("units"):
            if equal["layers"].nunique() > 1:
                own.append(np.polyfit(equal["layers"], np.log2(equal["activation"]), 1)[0])
        if own:
            slopes.append(float(np.mean(own)))
    return np.array(slopes)


def _trained(results: pandas.DataFrame) -> list[Claim]:
    rows = _part(results, "trained")
    if rows.empty:
        return [claim.not_testable("nothing was trained") for claim in (TRAINED, TRAINED_NEAR)]
    last = rows[(rows["epoch"] == rows["epoch"].max()) & (rows["place"] == "space")]
    ratios = drawn_ratios(last)
    what = f"after {rows['epoch'].max():g} epochs: "
    shallow, best = _per_seed(ratios, "against_shallow"), _per_seed(ratios, "against_best")
    return [
        TRAINED.over_seeds(what + "log2(regions / shallow maximum), mean over architectures", shallow, above=0.0),
        TRAINED_NEAR.over_seeds(what + "log10(regions / best lower bound), mean over architectures", best, above=-1.0),
    ]


def _dimensions(rows: pandas.DataFrame) -> str:
    return ", ".join(str(int(n0)) for n0 in sorted(rows["inputs"].unique()))

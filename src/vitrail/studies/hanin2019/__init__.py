"""Regions of random and trained networks: few, and near the number of units (Hanin and Rolnick 2019, both papers)."""

from __future__ import annotations

from pathlib import Path

from vitrail.studies.configuration import read_configuration
from vitrail.studies.hanin2019.claims import STATEMENTS, claims
from vitrail.studies.hanin2019.experiment import experiment
from vitrail.studies.hanin2019.figures import figures
from vitrail.studies.hanin2019.plan import NAMES, plan
from vitrail.studies.study import Study

__all__ = ["STUDY"]

STUDY = Study(
    name="hanin2019",
    title="Regions on lines and planes, and distances to boundaries, before, in and after training",
    paper="B. Hanin and D. Rolnick, Complexity of linear regions in deep networks (ICML 2019, arXiv 1901.09021); "
    "Deep ReLU networks have surprisingly few activation patterns (NeurIPS 2019, arXiv 1906.00904)",
    schema=1,
    configuration=read_configuration(Path(__file__).parent / "configuration.toml", NAMES),
    statements=STATEMENTS,
    plan=plan,
    experiment=experiment,
    claims=claims,
    figures=figures,
)
"""Both papers of 2019; `vitrail reproduce hanin2019`."""

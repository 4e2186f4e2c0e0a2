"""Bounds on regions in balls around points, in training (Zhu, Lin and Tang 2020); `vitrail reproduce lin2020`."""

from __future__ import annotations

from pathlib import Path

from vitrail.studies.configuration import read_configuration
from vitrail.studies.lin2020.claims import STATEMENTS, claims
from vitrail.studies.lin2020.experiment import experiment
from vitrail.studies.lin2020.figures import figures
from vitrail.studies.lin2020.plan import NAMES, plan
from vitrail.studies.study import Study

__all__ = ["STUDY"]

STUDY = Study(
    name="lin2020",
    title="Regions in balls around training points and other points, in training",
    paper="R. Zhu, B. Lin and H. Tang, Bounding the number of linear regions in local area for neural networks with "
    "ReLU activations (2020, arXiv 2007.06803)",
    schema=1,
    configuration=read_configuration(Path(__file__).parent / "configuration.toml", NAMES),
    statements=STATEMENTS,
    plan=plan,
    experiment=experiment,
    claims=claims,
    figures=figures,
)

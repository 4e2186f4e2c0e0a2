"""Local properties of regions with batch norm, dropout, and other optimizers (Zhang and Wu 2020)."""

from __future__ import annotations

from pathlib import Path

from vitrail.studies.configuration import read_configuration
from vitrail.studies.study import Study
from vitrail.studies.zhang2020.claims import STATEMENTS, claims
from vitrail.studies.zhang2020.experiment import experiment
from vitrail.studies.zhang2020.figures import figures
from vitrail.studies.zhang2020.plan import NAMES, plan

__all__ = ["STUDY"]

STUDY = Study(
    name="zhang2020",
    title="Inspheres, directions and decision boundaries of regions with batch norm, dropout and other optimizers",
    paper="X. Zhang and D. Wu, Empirical studies on the properties of linear regions in deep neural networks "
    "(ICLR 2020, arXiv 2001.01072)",
    schema=1,
    configuration=read_configuration(Path(__file__).parent / "configuration.toml", NAMES),
    statements=STATEMENTS,
    plan=plan,
    experiment=experiment,
    claims=claims,
    figures=figures,
)

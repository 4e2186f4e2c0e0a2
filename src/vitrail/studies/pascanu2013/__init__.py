"""On the number of response regions of deep feed forward networks: regions of constructed and of usual networks."""

from __future__ import annotations

from pathlib import Path

from vitrail.studies.configuration import read_configuration
from vitrail.studies.pascanu2013.claims import STATEMENTS, claims
from vitrail.studies.pascanu2013.experiment import SETTINGS, experiment, plan
from vitrail.studies.pascanu2013.figures import figures
from vitrail.studies.study import Study

__all__ = ["STUDY"]

STUDY = Study(
    name="pascanu2013",
    title="Deep against shallow networks of as many units",
    paper="R. Pascanu, G. Montufar, Y. Bengio, On the number of response regions of deep feed forward networks with "
    "piece-wise linear activations, ICLR 2014 (arXiv 1312.6098)",
    schema=1,
    configuration=read_configuration(Path(__file__).parent / "configuration.toml", SETTINGS),
    statements=STATEMENTS,
    plan=plan,
    experiment=experiment,
    claims=claims,
    figures=figures,
)

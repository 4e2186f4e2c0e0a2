"""Experiments of papers, run again: settings with their sources, results that resume, and a verdict on each claim.

A study is a folder here: `configuration.toml` with every setting and its source, `experiment.py` (one run),
`figures.py` and `claims.py` (all of them), and an `__init__.py` that exports `STUDY`.
"""

from __future__ import annotations

from vitrail.studies.claims import Claim, PaperClaim, Verdict
from vitrail.studies.configuration import Configuration, read_configuration
from vitrail.studies.registry import get_study, study_names
from vitrail.studies.runner import Report, reproduce
from vitrail.studies.study import Context, Run, Study

__all__ = [
    "Claim",
    "Configuration",
    "Context",
    "PaperClaim",
    "Report",
    "Run",
    "Study",
    "Verdict",
    "get_study",
    "read_configuration",
    "reproduce",
    "study_names",
]

"""Ops, one module per family: affine ones, and the two piecewise-linear families."""

"""Independent references for the tests: they never import the package under test.

neutral          a plain description of piecewise-linear networks, and the value at a point in rationals
shapes           intervals and convex polygons in homogeneous integers
carrying         the integer engine: forms carried through the nodes, cuts where a piece changes
exact            its results: cells, counts by definition, facets, adjacency, measures
brute            every pattern tried, in rationals (clipping, and Fourier-Motzkin elimination in any dimension)
closed_forms     counts known by theorem, and the networks that have them
networks         deterministic networks of the published count tables, and degenerate families
random_networks  seeded and hypothesis strategies in which degeneracy is common
convert          neutral networks as numpy layers, and back
checks           checkers of a subdivision, each returning the list of what is wrong
"""

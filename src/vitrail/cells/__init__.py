"""Geometry of batches of cells: intervals and convex polygons; arrays in, arrays out, nothing about networks."""

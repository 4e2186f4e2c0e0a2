"""Pictures with matplotlib: arrays in, Axes out."""

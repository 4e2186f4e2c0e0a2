"""Search order: how batches of cells are carried through a network."""

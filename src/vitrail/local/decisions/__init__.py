"""The decision boundary inside a region: its classes, the pieces between them, and how far they are."""

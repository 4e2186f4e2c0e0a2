"""Values and gradients at points along their patterns, with bounds of their errors: what rows and distances are."""

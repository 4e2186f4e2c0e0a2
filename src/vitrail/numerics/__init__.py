"""Error bounds and the filters built on them: the only place with rounding constants and tolerances."""

"""Studies: grids of trials, the specification of each trial, and study files."""

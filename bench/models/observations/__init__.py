"""Observation models p(x|z), one plugin per file."""

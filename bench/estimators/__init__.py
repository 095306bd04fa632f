"""Estimators of log p(x), one plugin per file."""

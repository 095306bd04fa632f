"""Caveats that accompany the numbers: which runs are missing, what is not comparable, what the estimators warn of."""

"""Building blocks of estimators of log p(x): proposals, weights, bridges, and the diagnosis of a model."""

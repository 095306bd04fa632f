"""What estimators of log p(x) are made of: proposals, weights, bridges, and the diagnosis of a model."""

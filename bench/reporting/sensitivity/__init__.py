"""How the final log-likelihood, and the scores while tuning, depend on hyperparameters."""

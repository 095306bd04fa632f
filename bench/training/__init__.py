"""Training of a model: one session of minibatches, clocks, the choice of a step size, and divergence."""

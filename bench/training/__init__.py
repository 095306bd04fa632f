"""What makes a trained model: the loop, minibatches, clocks, the optimiser, the choice of a step size, divergence."""

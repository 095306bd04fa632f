"""Gradients written by hand: those that ``loss.backward()`` leaves, in a third of its time.

In models of the paper's size most of an update is not arithmetic: each of the sixty nodes of a lower bound costs
autograd some microseconds, and each intermediate result new memory.  `LatentVariableModel.elbo_backward` and its
siblings therefore have their chain rule written out here, for networks of two layers (`TanhNetwork`), in buffers that
are made once for each size of minibatch.  Whatever cannot be done here, such as another network or another prior, is
left to autograd; the results agree up to rounding.
"""

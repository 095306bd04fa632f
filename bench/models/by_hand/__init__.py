"""Gradients written by hand: those that ``loss.backward()`` leaves, in a third of its time.

In models of the paper's size, most of the time of an update is not spent on arithmetic: each of the sixty nodes of a
lower bound costs autograd a few microseconds, and each intermediate result requires new memory.
`LatentVariableModel.elbo_backward` and its siblings therefore have their chain rule written out here, for networks of
two layers (`TanhNetwork`), using buffers that are allocated once per minibatch size.  Cases that are not covered here,
such as another network or another prior, are left to autograd; the results agree up to rounding.
"""

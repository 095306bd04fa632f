"""Gradients written by hand: the same densities and bounds as automatic differentiation gives, in fewer operations.

At the sizes of this field's models most of an update's time is not arithmetic: each of autograd's nodes costs some
microseconds, and a lower bound has sixty.  Here a density, or the whole bound, is one node, whose backward pass is
written out.  To whoever calls it nothing changes: what `LatentVariableModel`, `Decoder` and the networks return can be
differentiated as before, also twice (`functions.py`).  Networks say what they can do (`tanh_network.py`, the only kind
so far); whatever cannot be done by hand, such as another network, another prior or a transformation of `torch.func`, is
left to autograd (`paths.py`).  The results agree with autograd's up to rounding.
"""

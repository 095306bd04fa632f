"""p(z), p(x|z) and q(z|x): networks and distributions.  All log-densities are in nats, summed over pixels."""

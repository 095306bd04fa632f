"""Hamiltonian Monte Carlo and the adaptation of its step size."""

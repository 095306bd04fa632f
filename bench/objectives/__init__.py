"""Objectives that several algorithms ascend, with the estimators of their gradients."""

"""Compares the project's own speed between a base revision and the working tree (`bench perf`)."""

"""The speed of the project itself, a base revision against the working tree."""

"""Reading a run: tidy frames, the grid, learning curves, trained models."""

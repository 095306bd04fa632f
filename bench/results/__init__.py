"""What is read: a run as tidy frames, the grid, learning curves, trained models."""

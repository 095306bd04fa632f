"""What reports share: the look of figures, learning curves, tables for a terminal."""

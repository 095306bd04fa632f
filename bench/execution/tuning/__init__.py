"""The choice of open hyperparameters: once per cell, for all its seeds, by trials in a folder of their own."""

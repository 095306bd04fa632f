"""The page that answers: one HTML file that needs nothing else."""

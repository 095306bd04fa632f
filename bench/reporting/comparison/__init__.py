"""Two runs, cell by cell: what got better, what got worse, and how surely."""

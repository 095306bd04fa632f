"""What is kept: run folders, trial folders, and the records in them."""

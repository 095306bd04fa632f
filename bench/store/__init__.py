"""Storage: run folders, trial folders, and the typed records in them."""

"""Values that people give: numbers, paths, texts."""

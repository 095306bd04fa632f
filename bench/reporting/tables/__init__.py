"""Numbers as text in tables, and tables on a terminal."""

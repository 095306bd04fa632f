"""What reports are made of: tables, figures, panels, captions, writers, the page and the comparison of two runs."""

"""File formats: CSV, Markdown, HTML and LaTeX for tables; PNG, SVG and PDF for figures."""

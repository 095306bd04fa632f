"""Tables, figures and the page: everything people read of a run, made from its `Results`.

`rendering` renders each report once and writes its files.  The rooms hold what reports are made of: `tables` (numbers
as text, tables on a terminal), `figures` (panels, axes, legends), `curves` (learning curves), `captions` (what must be
said beside the numbers), `writers` (file formats), `page` (the HTML page) and `comparison` (two runs).
"""

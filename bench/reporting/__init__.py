"""Tables, figures and the page: everything people read of a run, made from its `Results`.

`rendering` renders each report once and writes its files.  The subpackages provide the parts of reports: `tables`
(numbers as text, tables on a terminal), `figures` (panels, axes, legends), `curves` (learning curves), `captions`
(caveats about the numbers), `writers` (file formats), `page` (the HTML page) and `comparison` (two runs).
"""

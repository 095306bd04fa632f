"""Drawing tools of figures: colours and markers, grids of panels, legends, captions, logarithmic axes.

Only matplotlib's objects are used, never pyplot, so that no figure depends on previous drawings; settings apply only
inside `looks.style`.  Names come from users, so none is interpreted as TeX.
"""

"""Drawing tools of figures: colours and markers, grids of panels, legends, captions, logarithmic axes.

Only matplotlib's objects are used, never pyplot, so that no figure depends on what was drawn before; settings hold
inside `looks.style` and nowhere else.  Names come from users: none is read as TeX.
"""

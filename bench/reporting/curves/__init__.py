"""Learning curves: what each algorithm contributes to a figure of them, their captions, the base of such figures."""

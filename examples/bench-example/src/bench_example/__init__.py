"""An algorithm and a data set of one's own, as a package that aevb-bench finds."""

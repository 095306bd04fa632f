"""Building blocks of data sets: downloads, splits, binarisation, reading files of arrays."""

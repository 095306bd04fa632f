"""What data sets share: downloads, splits, binarisation, reading files of arrays."""

"""Back ends: nothing but plugins lies here, one file each, named after the word for ``--backend``."""

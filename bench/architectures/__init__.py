"""Architectures, one plugin per file: the networks inside decoder and encoder."""

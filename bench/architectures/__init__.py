"""Architectures, one plugin per file: the networks of the decoder and the encoder."""

"""Statistics: arrays in, arrays out; tables and plots stand above them."""

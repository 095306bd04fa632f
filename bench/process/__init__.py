"""The process that code runs in: what is global to it."""

"""What every plugin must keep, shipped or a user's own: one list of checks per kind, and what a failure teaches."""

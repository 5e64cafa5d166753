"""The migrations of the back office."""

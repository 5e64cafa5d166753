"""The kit: modules to copy, each alone."""

"""The migrations of analytics."""

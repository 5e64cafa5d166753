"""The migrations of the permission."""

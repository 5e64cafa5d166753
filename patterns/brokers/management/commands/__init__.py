"""What people ask of a broker."""

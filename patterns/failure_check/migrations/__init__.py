"""The tables of the failure check."""

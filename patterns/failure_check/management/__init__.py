"""The command of the failure check."""

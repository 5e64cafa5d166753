"""The table of queued mails."""

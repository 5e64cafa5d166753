"""Durable tasks: a task is a row in the caller's transaction; the message is a hint (draft header)."""

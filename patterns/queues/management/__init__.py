"""The command of the queues."""

"""The relay, and what is asked of queues."""

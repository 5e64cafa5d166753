"""The tables of durable tasks."""

"""Commands of durable tasks."""

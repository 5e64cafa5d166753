"""The smallest project with durable tasks: a table of notes, and tasks that write them."""

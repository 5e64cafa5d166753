"""What tells a durable task's message and run from others of Celery's."""

# The header of a message, and so an attribute of its request: the token without which the message
# starts nothing.
PUBLICATION = "durable_publication"
# The attribute of a request that holds the run of a claimed row.
RUN = "durable_run"

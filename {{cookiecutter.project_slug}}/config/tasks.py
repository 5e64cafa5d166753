"""Tasks of the project as a whole."""

from django.core.management import call_command

from config.celery import app


@app.task(name="config.clear_sessions", queue="default")
def clear_sessions() -> None:
    """Delete the sessions that have expired; Django leaves them in the table for ever.

    Crash or duplicate: what is left is deleted by the next run.
    """
    call_command("clearsessions")

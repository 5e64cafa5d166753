"""The shop's app with a task that ends as it is told to; a worker of it is `-A counted`."""

from typing import Any

from config.celery import app


@app.task(name="tests.counted", queue="admin", bind=True)
def end(self: Any, how: str) -> None:
    """Succeed, fail, or be retried once."""
    if how == "fail":
        raise ValueError("as told")
    if how == "retry" and self.request.retries == 0:
        raise self.retry(countdown=0.1)

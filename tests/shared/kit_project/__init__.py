"""The one Django of the kit's test process, and of processes that tests start."""

from celery import Celery

# A shared task needs an app; standing alone, not every pattern's tests have one of their own.
app = Celery("kit", broker="redis://127.0.0.1:1/0")

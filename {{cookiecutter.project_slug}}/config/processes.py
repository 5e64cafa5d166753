"""Every process of the project: `manage.py queues --format procfile > Procfile`, and other forms.

The megabytes are measured when a process has begun, and rounded up.
"""

from django.conf import settings

from config.queues import APPS
from patterns.queues import Process

# After the seconds that a worker gives its tasks: to put their rows back, and to end.
PUT_BACK_SECONDS = 8


def flower(name: str, *, app: str, why: str) -> Process:
    """Return a Flower: it listens on loopback, and grows with the tasks that it remembers."""
    return Process(
        name=name,
        why=why,
        command=f"celery -A {app} flower --conf=config/flower.py",
        memory_mb=90,
        memory_limit_mb=400,  # 165 with the 10,000 tasks of `max_tasks`
        behind="web",
    )


PROCESSES = (
    Process(
        name="web",
        why="answers requests; it waits for the database alone",
        command="gunicorn --config config/gunicorn.py config.wsgi",
        container_environment={"HOST": "0.0.0.0", "PORT": "8000"},  # noqa: S104  the container's own
        memory_mb=130,
        memory_limit_mb=400,
        port=8000,
        live_path="/health/live",
        ready_path="/health/ready",
    ),
    *(
        process
        for queues in APPS
        for process in queues.processes(
            stop_seconds=settings.WORKER_SHUTDOWN_SECONDS + PUT_BACK_SECONDS,
            # Fixed there, since the time to end follows from it: print the form anew for another.
            deployed_environment={
                "WORKER_SHUTDOWN_SECONDS": f"{settings.WORKER_SHUTDOWN_SECONDS:g}"
            },
        )
    ),
    Process(
        name="relay",
        why="publishes the tasks that are due; any number may run",
        command="python manage.py relay",
        memory_mb=80,
    ),
    Process(
        name="beat",
        why="enqueues what runs by the clock",
        command="celery -A config beat",
        memory_mb=90,
        is_single=True,
    ),
    flower("flower", app="config", why="shows the shop's tasks to those on call"),
    flower("flower_analytics", app="analytics.celery", why="shows those of analytics"),  # analytics
)
# What the Procfile says of each, by its name: for whoever starts one of them.
LINES = {process.name: process.line for process in PROCESSES}

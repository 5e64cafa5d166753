"""The one list of queues and why each exists: routes, workers and processes follow from it.

Why: a queue that no worker takes from swallows its tasks without a word, and Celery makes a new
    queue of every typo. A list kept twice (settings and Procfile) drifts apart, and a form of
    deployment that stops a worker too early leaves its tasks to be found.
Guarantees: a task that names no queue, or one that is not in the list, is refused when it is
    defined; a publish to such a queue is refused when it is asked for, with the declared ones
    named; each declared queue has exactly one worker in `processes()`, and a stated bound in
    `caps()` for whatever keeps its tasks. In a Django project checks refuse a queue without a
    worker, a worker with two queues, a Procfile that says otherwise, and a task that its queue's
    pool cannot end; `manage.py queues` prints every form of deployment from the same list.
Not for: queues made while the system runs (one a customer, say); priorities within a queue;
    building images.
Copy: this folder.
Needs: celery>=5.5 (with kombu). Optional: django>=5.2, for its checks and its command.
Settings, with defaults, of the checks and the command:
    QUEUES_LISTS = "": dotted path of a tuple of `Queues`, one of each Celery app.
    QUEUES_PROCESSES = "": dotted path of a tuple of `Process`, all that the project runs.
    QUEUES_PROCFILE = "": path of the Procfile; "" where there is none.
    QUEUES_NAME = "app": what the deployed processes, their image and folder are called.
    Of Celery's own: task_queues, task_routes, task_create_missing_queues, task_default_queue,
    which `celery_settings()` returns.
Wiring: `QUEUES = Queues(Queue(name="mail", why="..."), ...)`; `app.conf.update(
    QUEUES.celery_settings(default="mail"))`; in the base Task `on_bound()` calls
    `QUEUES.require_of(task)` and `apply_async()` calls `QUEUES.require(name)`. Give `caps()` to
    what keeps tasks: `DURABLE_TASKS_QUEUES = QUEUES.caps()`. `PROCESSES = (Process(name="web",
    ...), *QUEUES.processes(), ...)`; add this package to INSTALLED_APPS, set the settings, and
    `manage.py queues --format procfile > Procfile`.
Testing: `manage.py check`, or compare your Procfile with `processes()`.
Version: 0.1.0
"""

from .listed import QueueNotDeclared, Queues, queue_of_task
from .process import Process
from .queue import Queue

__all__ = ("Process", "Queue", "QueueNotDeclared", "Queues", "queue_of_task")

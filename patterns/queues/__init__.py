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
    QUEUES_LISTS (no default): dotted path of a tuple of `Queues`, one of each Celery app.
    QUEUES_PROCESSES (no default): dotted path of a tuple of `Process`, all that the project runs.
    QUEUES_PROCFILE = "": path of the Procfile; "" where there is none.
    QUEUES_NAME = "app": what the deployed processes, their image and folder are called.
    Of Celery's own: task_queues, task_routes, task_create_missing_queues, task_default_queue,
    which `celery_settings()` returns.
Wiring:
    1. In queues.py:
           from <this package> import Queue, Queues

           QUEUES = Queues(
               Queue(name="default", why="what nobody waits for", app="shop"),
               Queue(name="mail", why="mails wait for mails alone", app="shop"),
           )
           LISTS = (QUEUES,)
           PROCESSES = QUEUES.processes()  # and web, relay, beat, each a `Process`
    2. In base_task.py:
           from celery import Task

           from .queues import QUEUES


           class QueuedTask(Task):
               abstract = True

               @classmethod
               def on_bound(cls, app):
                   QUEUES.require_of(cls)
                   super().on_bound(app)

               def apply_async(self, *args, **options):
                   if options.get("queue"):
                       QUEUES.require(options["queue"], asked_by=f"A call of {self.name}")
                   return super().apply_async(*args, **options)
    3. In celery.py, in the place of its app:
           app = Celery("shop", task_cls="shop.base_task:QueuedTask")
    4. In celery.py:
           from .queues import QUEUES

           app.conf.update(QUEUES.celery_settings(default="default"))
    5. In settings.py, where Django is, for the checks and the command:
           INSTALLED_APPS += ["<this package>"]
           QUEUES_LISTS = "shop.queues.LISTS"
           QUEUES_PROCESSES = "shop.queues.PROCESSES"
    6. Run:
           python manage.py queues
           python manage.py queues --format procfile
    7. Keep running, as `manage.py queues` says:
           celery -A shop worker -l INFO -Q default -n default@%h -c 1
           celery -A shop worker -l INFO -Q mail -n mail@%h -c 1
    8. Give `caps()` to what keeps tasks: `DURABLE_TASKS_QUEUES = QUEUES.caps()`.
Testing: `manage.py check`, or compare your Procfile with `processes()`.
Version: 0.1.0
"""

from .listed import QueueNotDeclared, Queues, queue_of_task
from .process import Process
from .queue import Queue

__all__ = ("Process", "Queue", "QueueNotDeclared", "Queues", "queue_of_task")

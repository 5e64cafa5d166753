"""Durable tasks: a task is a row in the caller's transaction, and the message is only a hint.

Why: Celery's only record of a task is its broker. A worker killed mid-task loses it, a broker that
    comes back empty loses all, `.delay()` in a transaction runs before the commit or after a
    rollback, a poison task crashes process after process, and a request waits for the broker.
Guarantees: given PostgreSQL's durability and, in the end, a relay and a worker that run:
    1. A task enqueued in a transaction that commits runs at least once; one enqueued in a
       transaction that rolls back never.
    2. What a task changes in its own database commits together with its end: once. An effect
       outside may be attempted again, with whatever key the task gives it.
    3. A task that ends badly (an error, retries used up, crashes, time limits, unknown name,
       expired, cancelled, unreadable message) is kept as a row with its reason and its history,
       and can be replayed or discarded. A plain Celery task is too, as far as Celery tells (not
       where its worker is killed), and so is a beat entry that could not be sent.
    4. A task crashes `max_crashes` processes at most.
    5. Enqueuing needs the database alone: nothing waits for the broker.
Not for: a firehose that may be lost (`durable = False`: an ordinary Celery task); databases other
    than PostgreSQL; pools without processes (threads, gevent, eventlet); Django's pool of database
    connections; chords, link_error, replace(), rate_limit and revoke, which are refused with the
    alternative.
Copy: this folder, with its migrations.
Needs: django>=5.2 (up to 6.1), celery>=5.7 (with kombu, billiard), PostgreSQL>=14 with
    psycopg>=3.2, a broker, asgiref (comes with django). For Django's tasks before Django 6.0:
    django-tasks>=0.12,<0.13; else it is not needed.
Settings, with defaults:
    DURABLE_TASKS_DATABASE = "default": the one database whose transactions enqueue.
    DURABLE_TASKS_LISTEN_DATABASE = DURABLE_TASKS_DATABASE: where the relay listens; a direct
        connection, where the other goes through a pooler in transaction mode.
    DURABLE_TASKS_MAX_ARGUMENT_BYTES = 65_536: the largest arguments of a task, as JSON.
    DURABLE_TASKS_WINDOW = 250: messages of a queue that wait at the broker; the rest are rows.
    DURABLE_TASKS_LEASE_SECONDS = 60: how soon a dead machine's tasks run elsewhere.
    DURABLE_TASKS_PUBLICATION_LEASE_SECONDS = 30: how soon a lost message is published again.
    DURABLE_TASKS_UNKNOWN_TASK_SECONDS = 3600: how long a name may be unknown to the workers.
    DURABLE_TASKS_POLL_SECONDS = 0.5: how often the relay looks where nothing wakes it.
    DURABLE_TASKS_QUEUES = {}: {"mail": {"cap": 1_000_000, "at_cap": "alarm"}}; at its cap a queue
        with "refuse" takes no more, and from half of it `caps.alarms()` says so.
    DURABLE_TASKS_QUEUE = "default": queue of this pattern's own clean-up.
    DURABLE_TASKS_HISTORY_DAYS = 30: how long a discarded task, and the events of one that is gone,
        are kept. A failed one is kept until somebody replays or discards it.
    DURABLE_TASKS_OTHER_APPS = {}: {"analytics": "analytics.celery.app"}: whose workers take from a
        queue, where that is another Celery app with a broker of its own.
    DURABLE_TASKS_REDACT = ("password", "passwd", "secret", "token", "api_key", "authorization",
        "cookie"): an argument whose name holds one of these is shown nowhere.
Wiring:
    1. In settings.py:
           INSTALLED_APPS += ["<this package>"]
    2. In celery.py, in the place of its app:
           from <this package>.app import DurableCelery

           app = DurableCelery("shop", task_cls="<this package>.task:DurableTask")
       With a base class of your own: `class ShopTask(DurableTask, YourBase)`. DurableCelery has as
       its defaults worker_consumer = "<this package>.consumer:DurableConsumer", which keeps
       messages that cannot be read and ends no worker, and worker_lost_wait = 1 (Celery's 10),
       after which a killed process's task runs again.
    3. In celery.py, or Celery would connect to the database twice a task, and one that hangs would
       keep its process for ever:
           app.conf.CELERY_DB_REUSE_MAX = 10_000
           app.conf.update(task_soft_time_limit=300, task_time_limit=330)
    4. In beat.py (or with django-celery-beat's DatabaseScheduler):
           from celery.beat import PersistentScheduler
           from <this package>.scheduler import DurableScheduler


           class Scheduler(DurableScheduler, PersistentScheduler):
               pass
    5. In celery.py, for beat:
           app.conf.beat_scheduler = "shop.beat:Scheduler"
           app.conf.beat_schedule |= {
               name: {"task": f"durable_tasks.{name}", "schedule": 86_400}
               for name in ("delete_old_firings", "delete_old_history")
           }
    6. In tasks.py, a task that contacts the outside is not atomic, and ends in `completing()`:
           from celery import shared_task


           @shared_task(bind=True, atomic=False)
           def charge(task, order_id):
               ...  # ask the provider
               with task.completing():
                   ...  # record its answer, enqueue the next step
    7. Run:
           python manage.py migrate
    8. Keep running, as many relays and workers as you like. What is sent to a queue that no -Q
       names waits without a word, so name each that a task has (`celery` is Celery's own):
           python manage.py relay
           celery -A shop worker -l INFO -Q celery,default
           celery -A shop beat -l INFO
    9. Django's tasks (`django.tasks`), if wanted, as durable rows: TASKS = {"default": {"BACKEND":
       "<this package>.django_tasks.DurableBackend"}}; before Django 6.0 "django_tasks" in
       INSTALLED_APPS.
    10. Whoever is on call: "Failed tasks" in the admin, behind Django's permissions, or
       `manage.py failed list` and `manage.py tasks list`.
Testing: `testing.assert_enqueued`, `refute_enqueued`, `run_enqueued` and `run_twice` work in a
    test's transaction, without a broker. `every_task.cases` runs every task of a project twice on
    `samples.Sample`s of its arguments, and fails for one without.
Version: 0.1.0
"""

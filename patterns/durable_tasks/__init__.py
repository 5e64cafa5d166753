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
    1. Add this package to INSTALLED_APPS, run `manage.py migrate`; in the Celery app's own
       settings set CELERY_DB_REUSE_MAX = 10_000 (Celery would connect twice a task).
    2. app = DurableCelery("shop", task_cls="<this package>.task:DurableTask"), from `.app`; or
       your own base class: `class ShopTask(DurableTask, YourBase)`.
    3. app.conf.worker_consumer = "<this package>.consumer:DurableConsumer": messages that cannot
       be read are kept and end no worker. DurableCelery has it as its default, and
       worker_lost_wait = 1 (Celery's 10), after which a killed process's task runs again.
    4. Run `manage.py relay` (any number of them) beside the workers.
    5. Beat: `class YourScheduler(DurableScheduler, DatabaseScheduler)`, from `.scheduler`, and
       `durable_tasks.delete_old_firings` and `durable_tasks.delete_old_history` once a day.
    6. A task that contacts the outside: `atomic=False`, and it ends in
       `with task.completing(): ...`.
    7. Django's tasks (`django.tasks`), if wanted, as durable rows:
       TASKS = {"default": {"BACKEND": "<this package>.django_tasks.DurableBackend"}}; before
       Django 6.0 "django_tasks" in INSTALLED_APPS.
    8. Whoever is on call: "Failed tasks" in the admin, behind Django's permissions, or
       `manage.py failed` and `manage.py tasks`.
Testing: `testing.assert_enqueued`, `refute_enqueued`, `run_enqueued` and `run_twice` work in a
    test's transaction, without a broker. `every_task.cases` runs every task of a project twice on
    `samples.Sample`s of its arguments, and fails for one without.
Version: 0.1.0
"""

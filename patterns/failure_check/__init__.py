"""Failure checks: whoever is on call is told of what goes wrong, once, and when all is clear again.

Why: whoever looks sees what failed; nobody looks. A monitor that is a task waits in the queue, on
    the broker and for the worker that it should report on.
Guarantees: while beat or the relay runs, a problem that a check finds is told within a period and
    30 seconds, past queue, broker and worker: mailed to ADMINS directly, logged, and handed to what
    FAILURE_CHECK_NOTIFY names. Once when it is raised, daily while it lasts, and once when it is
    gone: "All clear!". One path that fails stops no other, and is tried again at each run. With the
    database away the alarms are kept in a file. A crash between the telling and its record tells
    again. Both gone: the pings to FAILURE_CHECK_PING_URL end, and whoever waits for them says so.
Not for: metrics (a Prometheus does that better); telling two persons different things, which is
    the pager's behind `notify(problem)`.
Copy: this folder, with its migrations.
Needs: django>=5.2 (up to 6.1), celery>=5.5 (with kombu), PostgreSQL with psycopg>=3.1.8.
Settings, with defaults:
    FAILURE_CHECKS = ("<this package>.processes.silent",
        "<this package>.postgres.old_transactions", "<this package>.postgres.many_connections"):
        dotted paths of `() -> Iterable[Problem]`.
    FAILURE_CHECK_NOTIFY = (): dotted paths of `notify(problem)`, told besides mail and log.
    FAILURE_CHECK_GAUGES = "": dotted path of `() -> {name: number}`, sampled at each run.
    FAILURE_CHECK_DATABASE = "default": holds the alarms and heartbeats.
    FAILURE_CHECK_STATE_FILE = "": keeps them while that is away; "": this process's memory does.
    FAILURE_CHECK_PERIOD_SECONDS = 60: how often the checks run.
    FAILURE_CHECK_REMIND_SECONDS = 86_400: when an alarm that lasts is told again.
    FAILURE_CHECK_TIMEOUT_SECONDS = 10: what one check, or one path, may take.
    FAILURE_CHECK_PING_URL = "": asked for while all is clear.
    FAILURE_CHECK_HEARTBEATS = {"beat": 20}: which processes must run, and how long each may be
        silent.
    FAILURE_CHECK_WORKER_SILENCE_SECONDS = 20: the same for a worker that has once begun.
    FAILURE_CHECK_FULL_SHARE = 0.8: from what share on memory or connections are nearly used up.
    FAILURE_CHECK_TRANSACTION_SECONDS = 900: how old a transaction may be.
    FAILURE_CHECK_MAILER = "delivery": with Django 6.1's MAILERS, the one that mails past any queue;
        before it, Django's own settings of mail are used.
Wiring:
    1. In settings.py:
           INSTALLED_APPS += ["<this package>"]
    2. In settings.py, before Django 6.0:
           ADMINS = [("On call", "oncall@example.com")]
    3. In settings.py, from Django 6.0:
           ADMINS = ["oncall@example.com"]
    4. In settings.py, from Django 6.1, a mailer that uses no queue:
           MAILERS["delivery"] = {
               "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
               "OPTIONS": {"host": "localhost"},
           }
    5. In beat.py:
           from celery.beat import PersistentScheduler
           from <this package>.heartbeats import Heartbeat
           from <this package>.watch import Watch


           class Scheduler(PersistentScheduler):
               def setup_schedule(self):
                   Watch("beat").start()
                   self.heartbeat = Heartbeat("beat")
                   super().setup_schedule()

               def tick(self, *args, **kwargs):
                   seconds = super().tick(*args, **kwargs)
                   self.heartbeat.write()
                   return min(seconds, self.heartbeat.interval_seconds)
       A second process beside beat, such as a relay: the same with its own name, in its own loop.
    6. In celery.py:
           from <this package>.workers import WorkerHeartbeat

           app.conf.beat_scheduler = "shop.beat:Scheduler"
           app.steps["consumer"].add(WorkerHeartbeat)
    7. Run:
           python manage.py migrate
    8. Keep running:
           celery -A shop worker -l INFO
           celery -A shop beat -l INFO
    9. Your checks, by dotted path; `brokers.problems(app, "shop")` is for one of them.
    10. Where a log handler mails errors: give the logger "<this package>" handlers of its own and
        propagate = False, for what it logs is mailed already.
    11. cron or an uptime monitor, on another machine: `manage.py allclear`.
Testing: `run.look()` is what the checks find now; cause a problem, and look.
Version: 0.1.0
"""

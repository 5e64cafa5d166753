"""A ledger for effects outside the database: take a key, do it, record the result with your own.

Why: a task that charges a card and is killed before it has written so charges again when it runs
    again. The far side's idempotency key prevents that, if every attempt carries the same one,
    no two attempts overlap, and none comes after the far side has forgotten the key.
Guarantees: for one key, one run at a time is let through, as long as its lease lasts by the
    database's clock; once a result is recorded, every later run is given it and does nothing. The
    record commits together with the caller's own changes, or neither does. A run that lost its
    lease cannot record. A key older than the far side's memory is not tried again: a person looks.
    The conditions: the far side does nothing twice for one key, and a block asks it once (what is
    known of a second question says nothing about the first).
Not for: a far side that knows no keys, such as a plain mail server: an effect there happens once
    more after a crash between it and the record. Effects in the same database, which need none of
    this. Databases other than PostgreSQL.
Copy: this folder, with its migrations.
Needs: django>=5.2 (up to 6.1), celery>=5.5 (for the clean-up task), PostgreSQL with psycopg>=3.1.8.
Settings, with defaults:
    IDEMPOTENCY_KEEP_DAYS = 365: how long a recorded result is kept. After that the same key is a
        new effect, so longer than anybody replays a failed task.
    IDEMPOTENCY_QUEUE = "default": queue of the clean-up task.
Wiring:
    1. In settings.py:
           INSTALLED_APPS += ["<this package>"]
    2. In tasks.py, a task without a transaction around it (`atomic=False` where tasks are durable):
           from celery import shared_task
           from django.db import transaction
           from <this package> import ledger


           @shared_task
           def refund(payment_id):
               with ledger.effect(f"refund-{payment_id}", keeps_key_hours=24) as effect:
                   result = effect.result if effect.is_recorded else ask_the_far_side(effect.key)
                   with transaction.atomic():  # in a durable task: with task.completing():
                       effect.record(result)
                       ...  # what follows from it in your own tables, and the next step's enqueuing
    3. In celery.py, for beat:
           app.conf.beat_schedule["forget old results"] = {
               "task": "idempotency.delete_recorded",
               "schedule": 86_400,
           }
    4. Run:
           python manage.py migrate
    5. Keep running:
           celery -A shop worker -l INFO -Q celery,default
           celery -A shop beat -l INFO
    6. A base task that retries errors whose `is_permanent` is False, after their
       `retry_after_seconds`.
Testing: inside Django's TestCase (pytest-django's `db`) the ledger works, and takes that one
    transaction for none. To see it refuse and release, use TransactionTestCase.
Version: 0.1.0
"""

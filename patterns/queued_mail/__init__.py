"""A Django mail backend: any mail becomes a row and one task, delivered by any other backend.

Why: a mail sent in a request makes the visitor wait for the mail server, and fails the signup
    when that server is down; one sent in a transaction that rolls back has gone out all the same.
Guarantees: a mail accepted in a transaction that commits is offered to the mail server at least
    once, given PostgreSQL, and in the end a worker (and a relay, or beat); one that rolls back
    never. The bytes and the envelope are what the delivery backend would have sent from the
    request; a backend that reads attributes (Anymail's) gets them all. A Message-ID is the same on
    every attempt, and accepted once while its row is kept. No transaction is open while the mail
    server is spoken to. One window sends twice: a crash, or an answer that does not come, between
    the mail server's acceptance and our commit; `unanswered` counts each attempt without an answer,
    and all copies carry the same Message-ID. A mail refused for good, or one that kills five
    workers, is a row with its reason; one that has expired is not sent, and a row that says so.
    What a mail says is deleted once it is sent, expired or given up, or has failed a month ago; one
    whose task was cancelled keeps it until that is replayed or discarded.
    Errors are mailed to ADMINS past the database, in bounds.
Not for: databases other than PostgreSQL.
Copy: this folder, with its migrations.
Needs: django>=5.2 (up to 6.1), celery>=5.5, PostgreSQL with psycopg>=3.1.8.
Settings, with defaults:
    QUEUED_MAIL_DELIVERY_BACKEND = "<this package>.smtp.EmailBackend", from Django 6.1 "delivery":
        Django's SMTP backend that also tells which recipients were refused; with MAILERS the alias
        of the mailer that delivers.
    QUEUED_MAIL_QUEUE = "mail": queue of all three tasks.
    QUEUED_MAIL_MAX_BYTES = 10_240_000: the largest mail accepted, as it goes over the wire.
    QUEUED_MAIL_LEASE_SECONDS = 360: how long one delivery holds its mail. Longer than its hard
        time limit, 330.
    QUEUED_MAIL_GIVE_UP_AFTER_HOURS = 24: how long a mail is tried before it is a failed one.
    QUEUED_MAIL_FORGOTTEN_AFTER_MINUTES = 5: a mail without an answer is published again.
    QUEUED_MAIL_RETRY_FORGOTTEN_AFTER_MINUTES = 60: the same for one whose last answer was to
        wait. Longer than the longest pause between two retries.
    QUEUED_MAIL_SWEEP_LIMIT = 500: the most mails that one sweep publishes again.
    QUEUED_MAIL_KEEP_DAYS = 30: how long a sent mail's row (without its content) is kept, and so
        how long a Message-ID is remembered.
    QUEUED_MAIL_KEEP_FAILED_DAYS = 30: how long the content of a failed mail is kept, and so how
        long it can be sent again.
Wiring:
    1. In settings.py:
           INSTALLED_APPS += ["<this package>"]
    2. In settings.py, before Django 6.1:
           EMAIL_BACKEND = "<this package>.backend.EmailBackend"
           EMAIL_TIMEOUT = 10
    3. In settings.py, from Django 6.1:
           MAILERS = {
               "default": {"BACKEND": "<this package>.backend.EmailBackend"},
               "delivery": {
                   "BACKEND": "<this package>.smtp.EmailBackend",
                   "OPTIONS": {"host": "localhost", "timeout": 10},
               },
           }
    4. In celery.py, for beat:
           app.conf.beat_schedule["delete sent mails"] = {
               "task": "queued_mail.delete_sent",
               "schedule": 86_400,
           }
    5. In celery.py, unless the base task has `durable = True`, which inserts the delivery's row
       with the mail's. A plain one has its lost messages published again, and a timeout, or a
       broker that is frozen would hold up the request that sends a mail:
           app.conf.beat_schedule["publish forgotten mails"] = {
               "task": "queued_mail.enqueue_forgotten",
               "schedule": 60,
           }
           app.conf.broker_transport_options |= {"socket_timeout": 2, "socket_connect_timeout": 2}
    6. Run:
           python manage.py migrate
    7. Keep running; a base task that retries errors whose `is_permanent` is False is their retry,
       without one the sweep is:
           celery -A shop worker -l INFO -Q celery,mail
           celery -A shop beat -l INFO
    8. Error mails: in LOGGING, give the root logger a handler of class
       "<this package>.error_mails.ErrorMailHandler", level ERROR, and logger "django" no handlers.
Testing: Django's test runner puts its in-memory backend in the place of this one. To test with
    this one, override EMAIL_BACKEND (MAILERS on 6.1), commit, and look at `QueuedMail`.
Version: 0.1.0
"""

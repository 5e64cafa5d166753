"""Flower behind the application's own staff permission: every path, closed until configured.

Why: Flower shows everybody every task's arguments and lets them stop your workers. With its own
    `--basic_auth`, /metrics and /healthcheck stay open; with its OAuth, whoever logged in once
    keeps access for 30 days, whatever becomes of their permission.
Guarantees: the check stands in the HTTP server, in front of Flower's routes, so no path, method
    or page of a later Flower leads around it. Each request reads Django's session anew: a revoked
    permission, a logout or a new password counts at once. What cannot be checked (database away
    or frozen) is refused with 503. Flower's own check and its XSRF protection stay on. Actions are
    refused to all, unless the configuration allows them; websockets in any case.
Not for: telling apart who may see and who may act; several Django sites.
Copy: this folder.
Needs: django>=5.2, celery>=5.5, click>=8.1, flower>=2.2, tornado>=6.5.
Settings, with defaults:
    FLOWER_AUTH_PROCESSES = "": dotted path of the commands that the project starts, by the name of
        their process, for the system checks; "": those of the Procfile in BASE_DIR.
    Of Django's: SESSION_ENGINE, SESSION_COOKIE_NAME, LOGIN_URL; the project's BASE_DIR.
Wiring:
    1. In settings.py (LOGIN_URL: whatever page of yours logs staff in):
           INSTALLED_APPS += ["<this package>"]
           LOGIN_URL = "admin:login"
    2. In flower.py, beside celery.py; the token is for who reads /metrics:
           from <this package>.guard import guard

           guard(site_url="https://shop.example", metrics_token="a long random text")
           address = "127.0.0.1"
    3. In celery.py; then a Flower that is started without that file reads it or ends:
           from pathlib import Path

           from <this package>.closed import refuse_open_flower

           refuse_open_flower(Path(__file__).with_name("flower.py"))
    4. Run:
           python manage.py migrate
    5. Keep running:
           celery -A shop flower --conf=shop/flower.py
    6. Give the permission that the app brings, `flower_auth.see_flower`, to those of the staff who
       shall see Flower; superusers have it.
    7. In production a proxy maps /flower/ of the site's own host to Flower's port: the session's
       cookie is for that host.
Testing: start Flower for real, and read its paths with and without a staff session.
Version: 0.1.0
"""

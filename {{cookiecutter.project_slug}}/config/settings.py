"""Django's settings, all from the environment: closed where nothing is set, no secret in code.

`.env` (made at the first start, ignored by git) and `var/servers.env` (the addresses of the
servers that `start.py` runs, there while they run) fill in what the environment leaves open.
"""

import tomllib
from email.utils import quote
from pathlib import Path
from urllib.parse import urlsplit

import django
from environs import validate

from config.environment import project_environment
from config.logs import FORMATS, LEVELS, logging_settings
from config.queues import SHOP
from config.server_urls import mail_settings

BASE_DIR = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((BASE_DIR / "config" / "project.toml").read_text(encoding="utf-8"))

env = project_environment()
DEBUG = env.bool("DEBUG", False)
# Which copy of the shop this is. Each has its own brokers, which bear its name.
ENVIRONMENT = env.str("ENVIRONMENT", "") or ("development" if DEBUG else "production")
env.require(
    "SECRET_KEY",
    "DATABASE_URL",
    "BROKER_URL",
    "ANALYTICS_BROKER_URL",  # analytics
    "EMAIL_URL",
    "PAYMENTS_URL",
    "PAYMENTS_API_KEY",
    # Mails link to it, and Flower's guard logs in there: a made-up one would fail in silence.
    *([] if DEBUG else ["SITE_URL"]),
)

# Core ------------------------------------------------------------------------------------------
SECRET_KEY = env.str("SECRET_KEY")
# Empty is as good as not set, as for all that is required.
SITE_URL = (env.str("SITE_URL", "") or "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", [urlsplit(SITE_URL).hostname or "127.0.0.1"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", [SITE_URL])
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "config",  # before what its commands go before: its relay waits for the database
    "django_celery_beat",
    "patterns.flower_auth",
    "patterns.retrying_task",
    "patterns.durable_tasks",
    "patterns.queued_mail",
    "patterns.idempotency",
    "patterns.failure_check",
    "patterns.queues",
    "patterns.brokers",
    "patterns.external_contact",
    "tasks_page",
    "accounts",
    "purchases",
    "payments",
    "backoffice",
    "analytics",  # analytics
]
MIDDLEWARE = [
    "patterns.external_contact.middleware.ExternalContactMiddleware",  # it sees what follows it
    "config.request_ids.RequestIds",
    "config.health.HealthFirst",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.project",
            ]
        },
    }
]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# Database: a dead or frozen server must not hold a process for minutes. --------------------------
DATABASES = {"default": env.dj_db_url("DATABASE_URL", conn_max_age=60, conn_health_checks=True)}
# A server that vanished without a word (power, a firewall) is given up after 10 to 30 seconds:
# Linux would wait for a quarter of an hour, or for ever where only an answer is waited for. A slow
# query is not ended by this. DATABASE_URL's own options go first.
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,  # milliseconds
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    # One that a failover made a standby is as one that is away: everything here waits for that.
    "target_session_attrs": "read-write",
    **DATABASES["default"].get("OPTIONS", {}),
}

# People ----------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator"},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATION}.NumericPasswordValidator"},
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "purchases:catalogue"
LOGOUT_REDIRECT_URL = "purchases:catalogue"
CSRF_FAILURE_VIEW = "accounts.csrf.csrf_failure"

# Static files ------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG  # static files without collectstatic
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Transport security: on, unless this is somebody's own machine. ----------------------------------
SECURE_SSL_REDIRECT = not DEBUG
SESSION_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_SECURE = not DEBUG
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not DEBUG
SECURE_HSTS_PRELOAD = not DEBUG
if env.bool("BEHIND_TLS_PROXY", False):
    # Only where a proxy in front sets this header itself; else a client could forge it.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Mail: every mail becomes a task on queue `mail`; the worker delivers it through EMAIL_URL. -------
EMAIL_BACKEND = "patterns.queued_mail.backend.EmailBackend"
vars().update(mail_settings(env.str("EMAIL_URL")))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str(
    "DEFAULT_FROM_EMAIL", f'"{quote(PROJECT["name"])}" <{PROJECT["contact_email"]}>'
)
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_SUBJECT_PREFIX = f"[{PROJECT['name']}] "
# Who is mailed errors, past the queue and the database, ten in ten minutes at most; see LOGGING.
# Django 6.0 wants addresses, and before it pairs with a name.
ADMINS = env.list("ADMINS", [])
if django.VERSION < (6, 0):
    ADMINS = [("", address) for address in ADMINS]

# Brokers: one for the shop, one for analytics, and nothing else in either. ------------------------
BROKER_URL = env.str("BROKER_URL")
ANALYTICS_BROKER_URL = env.str("ANALYTICS_BROKER_URL")  # analytics
BROKERS_APPS = [
    "config.celery.app",
    "analytics.celery.app",  # analytics
]
# Seconds that running tasks get at a stop; config/celery_settings.py says why 2.
WORKER_SHUTDOWN_SECONDS = env.float("WORKER_SHUTDOWN_SECONDS", 2)

# The one list of queues, all that the project runs, and the file that must say the same.
QUEUES_LISTS = "config.queues.APPS"
QUEUES_PROCESSES = "config.processes.PROCESSES"
QUEUES_PROCFILE = str(BASE_DIR / "Procfile")
QUEUES_NAME = "shop"  # of services, units, image and folder where it is deployed

# Durable tasks: rows in the database above, which `manage.py relay` publishes. --------------------
DURABLE_TASKS_QUEUES = SHOP.caps()
DURABLE_TASKS_QUEUE = "default"  # of the pattern's own clean-up
# Queues of another Celery app: the relay publishes what is replayed there on that app's broker.
DURABLE_TASKS_OTHER_APPS = {
    "analytics": "analytics.celery.app",  # analytics
}

# Tasks that retry: those of these apps do, and where not, here is why. --------------------------
RETRYING_TASK_APPS = [
    "config.celery.app",
    "analytics.celery.app",  # analytics
]
RETRYING_TASK_EXEMPT = {
    "queued_mail.deliver": "the mail's row says when it is given up",
    "analytics": "an event may be lost: the next one counts as well",  # analytics
}

# Alarms: what is checked each minute by beat, or by the relay where beat is not there. ------------
FAILURE_CHECKS = [
    "patterns.failure_check.processes.silent",
    "patterns.failure_check.postgres.old_transactions",
    "patterns.failure_check.postgres.many_connections",
    "config.alarms.failed_tasks",
    "config.alarms.queues",
    "config.alarms.shop_broker",
    "analytics.alarms.broker_and_queue",  # analytics
    "config.development_alarms.development_servers",
]
FAILURE_CHECK_GAUGES = "config.alarms.gauges"
# Told besides ADMINS and the log: dotted paths of `notify(problem)`, a pager's for one.
FAILURE_CHECK_NOTIFY = env.list("ALARM_NOTIFY", [])
# Where the alarms are kept while the database is away.
FAILURE_CHECK_STATE_FILE = env.str("ALARM_STATE_FILE", "") or str(BASE_DIR / "var" / "alarms.json")
FAILURE_CHECK_PERIOD_SECONDS = env.float("ALARM_PERIOD_SECONDS", 60)
# Asked for while all is clear; an outside monitor raises the alarm when that ends.
FAILURE_CHECK_PING_URL = env.str("ALARM_PING_URL", "")
_SILENCE_SECONDS = env.float("ALARM_SILENCE_SECONDS", 20)
FAILURE_CHECK_HEARTBEATS = {
    "beat": _SILENCE_SECONDS,
    "relay": _SILENCE_SECONDS,
    "relay of analytics": _SILENCE_SECONDS,  # analytics
}
FAILURE_CHECK_WORKER_SILENCE_SECONDS = _SILENCE_SECONDS

# Rule 1: what a request contacts, other than its own servers, is a task's to contact. It raises for
# a developer and in tests; for a customer it is logged and counted. -------------------------------
EXTERNAL_CONTACT_MODE = "raise" if DEBUG else "log"
# Not the one of analytics: its events go by a durable task, and a request never waits for it.
EXTERNAL_CONTACT_BROKERS = ["BROKER_URL"]
# What every request has to wait for, "host:port": while it is down, so is the shop.
EXTERNAL_CONTACT_ALLOWED: list[str] = []

# The payment provider -----------------------------------------------------------------------------
PAYMENTS_URL = env.str("PAYMENTS_URL")
PAYMENTS_API_KEY = env.str("PAYMENTS_API_KEY")

# Back office: how long a customer's index takes. Stands for the slow code of a grown shop; set it
# to 0 once rebuild_index() does real work. -------------------------------------------------------
BACKOFFICE_PAUSE_SECONDS = env.float("BACKOFFICE_PAUSE_SECONDS", 0.2)

# Flower -------------------------------------------------------------------------------------------
# One for each broker, by the name of its Celery app, which is in its address: /flower/shop/.
_PORT = validate.Range(1, 65_535)
FLOWER_PORTS = {
    "shop": env.int("FLOWER_PORT", 5555, validate=_PORT),
    "analytics": env.int("ANALYTICS_FLOWER_PORT", 5556, validate=_PORT),  # analytics
}
FLOWER_AUTH_PROCESSES = "config.processes.LINES"  # what the system checks read
# For looking; with this, who may see Flower may also stop workers, revoke tasks and send others.
FLOWER_ALLOWS_ACTIONS = env.bool("FLOWER_ALLOWS_ACTIONS", False)
# Where a browser reaches /flower/ with what is below it, if neither on this site nor on the ports.
FLOWER_URL = env.str("FLOWER_URL", "")
# Opens metrics and healthcheck below /flower/shop/ and its like to a bearer; empty: to nobody.
FLOWER_METRICS_TOKEN = env.str("FLOWER_METRICS_TOKEN", "")

# Opens /metrics, and the details of /health/tasks, to a bearer; empty: to nobody.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")

# Logs: JSON lines in production, words for whoever sits in front of them. ------------------------
LOG_LEVEL = env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(LEVELS))
LOG_FORMAT = env.str("LOG_FORMAT", "line" if DEBUG else "json", validate=validate.OneOf(FORMATS))
LOGGING = logging_settings(level=LOG_LEVEL, line_format=LOG_FORMAT)
LOGGING["filters"] = {
    "in_production": {"()": "django.utils.log.RequireDebugFalse"},
    "not_health": {"()": "config.logs.AskedOften"},
}
LOGGING["formatters"]["mail"] = {
    "()": "config.secret_paths.LineFormatter",
    "fmt": "%(levelname)s %(name)s: %(message)s",
}
LOGGING["handlers"]["error_mails"] = {
    "class": "patterns.queued_mail.error_mails.ErrorMailHandler",
    "formatter": "mail",
    "level": "ERROR",
    "filters": ["in_production"],
}
LOGGING["root"]["handlers"].append("error_mails")
# Django's own handlers would mail errors through the queue, and print each line twice.
LOGGING["loggers"] = {
    "django": {"handlers": [], "level": "INFO"},
    # runserver's line for each request, which Django would print by a handler of its own.
    "django.server": {"handlers": [], "level": "INFO", "propagate": True},
    "django.request": {"filters": ["not_health"]},
    # A forged Host, a form of a million fields: refused, and nothing to mail to anybody.
    "django.security": {"handlers": ["console"], "propagate": False},
}

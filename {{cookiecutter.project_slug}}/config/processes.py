"""Every process of the project; the Procfile is written from this: `manage.py procfile`."""

from config.queues import APPS

PROCESSES = {
    "web": "gunicorn --config config/gunicorn.py config.wsgi",
    **{name: command for queues in APPS for name, command in queues.processes().items()},
    "relay": "python manage.py relay",
    "beat": "celery -A config beat",
    "flower": "celery -A config flower --conf=config/flower.py",
    "flower_analytics": "celery -A analytics.celery flower --conf=config/flower.py",  # analytics
}


def procfile() -> str:
    """Return the text of the Procfile."""
    return "".join(f"{name}: {command}\n" for name, command in PROCESSES.items())

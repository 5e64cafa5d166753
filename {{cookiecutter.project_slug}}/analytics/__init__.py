"""What the analysts count: a second Celery app on a broker of its own. Removing it: README.md."""

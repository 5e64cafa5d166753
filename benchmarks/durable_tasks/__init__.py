"""Durable tasks beside stock Celery, on the same servers, in one run."""

"""Moments, as people say them."""

from datetime import datetime, timedelta

from django import template
from django.utils.timesince import timesince, timeuntil
from django.utils.timezone import now

register = template.Library()


@register.filter
def ago(moment: datetime) -> str:
    """Return how long ago a moment is, or in how long it will be."""
    age = now() - moment
    if abs(age) < timedelta(minutes=1):
        return "just now" if age > timedelta() else "in a moment"
    if age > timedelta():
        return f"{timesince(moment, depth=1)} ago"
    return f"in {timeuntil(moment, depth=1)}"

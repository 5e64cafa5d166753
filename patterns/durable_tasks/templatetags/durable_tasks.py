"""Moments as people say them, and names that break where they may."""

import re
from datetime import datetime, timedelta

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
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


@register.filter
def breakable(name: str) -> SafeString:
    """Return a task's name, escaped, that may break after a dot or an underscore."""
    parts = re.split(r"(?<=[._])(?=\w)", name)
    return format_html_join(SafeString("<wbr>"), "{}", ((part,) for part in parts))

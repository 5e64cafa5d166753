"""What tasks leave behind."""

from django.db import models


class Note(models.Model):
    """A line that a task wrote: its effect in the database."""

    text = models.TextField()

    def __str__(self):
        return self.text

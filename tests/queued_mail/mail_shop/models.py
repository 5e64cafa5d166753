from django.db import models


class Order(models.Model):
    """What a mail is about, in the transaction that sends it."""

    message_id = models.TextField(unique=True)
    is_mailed = models.BooleanField(default=False)

    def __str__(self):
        return self.message_id

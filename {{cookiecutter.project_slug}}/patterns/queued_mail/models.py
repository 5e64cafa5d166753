{{ pattern("queued_mail/models.py") }}

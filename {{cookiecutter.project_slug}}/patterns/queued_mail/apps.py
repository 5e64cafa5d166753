{{ pattern("queued_mail/apps.py") }}

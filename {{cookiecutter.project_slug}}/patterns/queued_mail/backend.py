{{ pattern("queued_mail/backend.py") }}

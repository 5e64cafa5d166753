{{ pattern("queued_mail/parts.py") }}

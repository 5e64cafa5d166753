{{ pattern("queued_mail/frozen.py") }}

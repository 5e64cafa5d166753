{{ pattern("queued_mail/signals.py") }}

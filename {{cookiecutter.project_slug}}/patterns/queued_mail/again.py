{{ pattern("queued_mail/again.py") }}

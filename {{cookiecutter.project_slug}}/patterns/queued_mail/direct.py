{{ pattern("queued_mail/direct.py") }}

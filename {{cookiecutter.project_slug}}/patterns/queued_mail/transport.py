{{ pattern("queued_mail/transport.py") }}

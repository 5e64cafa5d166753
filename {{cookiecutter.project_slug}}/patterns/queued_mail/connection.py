{{ pattern("queued_mail/connection.py") }}

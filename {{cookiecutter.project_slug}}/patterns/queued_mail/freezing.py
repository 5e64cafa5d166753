{{ pattern("queued_mail/freezing.py") }}

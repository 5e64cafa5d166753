{{ pattern("queued_mail/delivery.py") }}

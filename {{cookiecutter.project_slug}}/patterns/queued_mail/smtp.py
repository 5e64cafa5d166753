{{ pattern("queued_mail/smtp.py") }}

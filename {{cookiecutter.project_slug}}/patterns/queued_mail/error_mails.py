{{ pattern("queued_mail/error_mails.py") }}

{{ pattern("queued_mail/publication.py") }}

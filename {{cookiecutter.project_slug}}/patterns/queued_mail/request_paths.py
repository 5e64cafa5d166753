{{ pattern("queued_mail/request_paths.py") }}

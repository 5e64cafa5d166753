{{ pattern("queued_mail/__init__.py") }}

{{ pattern("idempotency/__init__.py") }}

{{ pattern("idempotency/migrations/__init__.py") }}

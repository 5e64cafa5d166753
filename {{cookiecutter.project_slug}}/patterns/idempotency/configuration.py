{{ pattern("idempotency/configuration.py") }}

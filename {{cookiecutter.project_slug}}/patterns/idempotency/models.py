{{ pattern("idempotency/models.py") }}

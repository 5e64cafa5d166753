{{ pattern("idempotency/tasks.py") }}

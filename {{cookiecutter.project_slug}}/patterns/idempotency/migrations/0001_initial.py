{{ pattern("idempotency/migrations/0001_initial.py") }}

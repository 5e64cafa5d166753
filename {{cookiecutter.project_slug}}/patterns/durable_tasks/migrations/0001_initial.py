{{ pattern("durable_tasks/migrations/0001_initial.py") }}

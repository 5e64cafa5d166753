{{ pattern("durable_tasks/migrations/0002_planned_statements.py") }}

{{ pattern("durable_tasks/migrations/0004_planned_statements.py") }}

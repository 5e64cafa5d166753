{{ pattern("durable_tasks/migrations/0003_record.py") }}

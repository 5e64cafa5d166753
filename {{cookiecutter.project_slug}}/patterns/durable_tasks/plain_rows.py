{{ pattern("durable_tasks/plain_rows.py") }}

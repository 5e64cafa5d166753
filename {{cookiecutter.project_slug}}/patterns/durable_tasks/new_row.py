{{ pattern("durable_tasks/new_row.py") }}

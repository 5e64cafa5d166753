{{ pattern("durable_tasks/admin/cut_row.py") }}

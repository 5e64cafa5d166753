{{ pattern("durable_tasks/admin/words.py") }}

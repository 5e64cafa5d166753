{{ pattern("durable_tasks/error_text.py") }}

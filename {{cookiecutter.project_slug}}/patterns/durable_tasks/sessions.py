{{ pattern("durable_tasks/sessions.py") }}

{{ pattern("durable_tasks/other_app_checks.py") }}

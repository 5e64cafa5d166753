{{ pattern("durable_tasks/commit_errors.py") }}

{{ pattern("durable_tasks/terminal.py") }}

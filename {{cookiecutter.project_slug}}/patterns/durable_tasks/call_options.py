{{ pattern("durable_tasks/call_options.py") }}

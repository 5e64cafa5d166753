{{ pattern("durable_tasks/row_options.py") }}

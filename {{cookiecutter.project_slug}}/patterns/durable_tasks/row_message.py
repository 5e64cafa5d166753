{{ pattern("durable_tasks/row_message.py") }}

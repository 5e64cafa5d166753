{{ pattern("durable_tasks/message_calls.py") }}

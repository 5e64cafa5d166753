{{ pattern("durable_tasks/consumer.py") }}

{{ pattern("durable_tasks/broker.py") }}

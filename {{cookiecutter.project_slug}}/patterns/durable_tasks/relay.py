{{ pattern("durable_tasks/relay.py") }}

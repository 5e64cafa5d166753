{{ pattern("durable_tasks/relay_transaction.py") }}

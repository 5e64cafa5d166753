{{ pattern("durable_tasks/run_transaction.py") }}

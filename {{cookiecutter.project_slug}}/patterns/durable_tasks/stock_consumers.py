{{ pattern("durable_tasks/stock_consumers.py") }}

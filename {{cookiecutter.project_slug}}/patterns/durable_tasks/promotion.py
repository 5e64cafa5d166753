{{ pattern("durable_tasks/promotion.py") }}

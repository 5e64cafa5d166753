{{ pattern("durable_tasks/upkeep.py") }}

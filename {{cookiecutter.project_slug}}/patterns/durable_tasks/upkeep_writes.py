{{ pattern("durable_tasks/upkeep_writes.py") }}

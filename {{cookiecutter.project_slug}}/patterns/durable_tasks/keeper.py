{{ pattern("durable_tasks/keeper.py") }}

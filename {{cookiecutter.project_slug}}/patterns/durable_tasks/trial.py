{{ pattern("durable_tasks/trial.py") }}

{{ pattern("durable_tasks/doors.py") }}

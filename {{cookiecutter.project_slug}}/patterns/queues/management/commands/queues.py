{{ pattern("queues/management/commands/queues.py") }}

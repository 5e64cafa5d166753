{{ pattern("durable_tasks/management/commands/relay.py") }}

{{ pattern("durable_tasks/checks/__init__.py") }}

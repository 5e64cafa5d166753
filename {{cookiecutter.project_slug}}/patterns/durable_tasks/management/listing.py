{{ pattern("durable_tasks/management/listing.py") }}

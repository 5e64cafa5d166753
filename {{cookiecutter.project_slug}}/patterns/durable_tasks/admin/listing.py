{{ pattern("durable_tasks/admin/listing.py") }}

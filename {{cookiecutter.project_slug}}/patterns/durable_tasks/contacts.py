{{ pattern("durable_tasks/contacts.py") }}

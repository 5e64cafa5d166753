{{ pattern("durable_tasks/admin/forms.py") }}

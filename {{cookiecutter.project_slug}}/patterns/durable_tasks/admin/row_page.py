{{ pattern("durable_tasks/admin/row_page.py") }}

{{ pattern("durable_tasks/static/durable_tasks/pages.js") }}

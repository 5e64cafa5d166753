"""The lab's way to enqueue: by a request, in one transaction, as the shop does."""

import json

from config.celery import app
from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from lab_app import tasks  # noqa: F401  the web registers a task where something imports it


@csrf_exempt
def enqueue(request: HttpRequest) -> JsonResponse:
    """Enqueue one task a token, and write the tokens down in the same transaction."""
    asked = json.loads(request.body)
    task, tokens = app.tasks[asked["task"]], asked["tokens"]
    calls = [([token, *asked["more"]], {}) for token in tokens]
    with transaction.atomic():
        if asked["is_written_down"]:
            with connection.cursor() as cursor:
                rows = [("committed", token) for token in tokens]
                cursor.executemany("INSERT INTO lab_event (what, token) VALUES (%s, %s)", rows)
        if len(calls) > 1:
            task.enqueue_many(calls, **asked["options"])
        else:
            task.apply_async(*calls[0], **asked["options"])
    return JsonResponse({"enqueued": len(calls)})

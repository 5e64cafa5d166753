"""Each app has its own broker: it stamps its name on it, and another one's processes refuse it.

Why: a copied setting is enough for two apps, or staging and production, to work on one broker. Each
    takes the other's messages, fills the other's memory, and nobody sees why tasks vanish.
Guarantees, on Redis and Valkey: a connection of this app's is used only once the server was seen to
    bear this app's name and environment, so nothing is taken from another one's broker and nothing
    sent to it. Of two apps that start on an empty server, one wins. Processes that run look again
    every 10 seconds and put a lost stamp back. Workers, relays and beats refuse to start, and their
    plain tasks' producers to publish, and say whose the broker is and what to set. A broker that is
    away is refused by nobody: it is waited for as ever. Enqueuing that does not connect, as of a
    task kept in a database, does not come here.
Not for: keeping out an attacker, who knows the password; apps without this pattern, which do not
    look (a server that holds their queues is refused until it is handed over); a server flushed
    while none of its owner's processes runs, which is free; RabbitMQ and other brokers, of which a
    line in the log says that nobody looked.
Copy: this folder. Outside Django, `checks.py`, `apps.py` and `management` are not used.
Needs: celery>=5.5 (with kombu), redis>=5 (comes with celery[redis]). Optional: django>=5.2 (up to
    6.1), for the checks and the command.
Settings, with defaults:
    BROKERS_APPS = (): dotted paths of the project's Celery apps; each is checked and shown.
Wiring:
    1. In celery.py, in the place of its app:
           from <this package>.app import GuardedCelery
           from <this package>.owner import Owner

           app = GuardedCelery(
               "shop", owner=Owner("my_project.shop", "production"), broker_setting="BROKER_URL"
           )
       `owner` may be a function, called when first needed. `broker_setting` is named to people who
       have to change it, such as CELERY_BROKER_URL, and never read. Beside another subclass: `class
       MyCelery(Other, GuardedCelery)`; what keeps tasks from the broker goes first.
    2. In settings.py, where Django is, for the checks and the command:
           INSTALLED_APPS += ["<this package>"]
           BROKERS_APPS = ("shop.celery.app",)
    3. Run, when deploying:
           python manage.py check --database default
    4. Keep running; workers and beats refuse by themselves:
           celery -A shop worker -l INFO
           celery -A shop beat -l INFO
    5. A process of your own that publishes calls `refuse_another(app.guard)`, from `.starting`, at
       its start, then `app.guard.watch()`, and `end_if_another(app.guard)` from time to time.
    6. A broker changes hands by `manage.py broker hand-over APP --from OWNER`; without Django by
       `hand_over(app, "OWNER")`, from `.handing`.
Testing: give tests an environment of their own, such as "test", and a server that they start.
Version: 0.1.0
"""

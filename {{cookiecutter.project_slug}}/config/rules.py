"""The seven rules, and which system check stands for which: `manage.py rules` shows them.

Every id that a pattern or the project registers stands here once, with what holds where it is not
found; a test names one that does not.
"""

from dataclasses import dataclass

# Asked only with these options of `manage.py rules`.
DEPLOY = frozenset(
    (
        *("external_contact.W002", "failure_check.E008", "failure_check.W001"),
        *("payments.E003", "shop.E007", "shop.E008"),
    )
)
SERVERS = frozenset(("brokers.E005", "brokers.E006"))


@dataclass(frozen=True)
class Rule:
    """One of the seven: `held_by` says what makes it hold before any check is asked."""

    number: int
    title: str
    held_by: str

    def checks(self) -> dict[str, str]:
        """Return what is checked for it: what holds, by the id of the check."""
        return {id: what for id, (number, what) in CHECKS.items() if number == self.number}


RULES = (
    Rule(
        1,
        "All external contact runs in a task.",
        "A request that contacts the outside fails in development and in the tests, with the line"
        " that did it, and is counted in production.",
    ),
    Rule(
        2,
        "All email is sent in a task.",
        "The mail backend makes every mail one task, in the transaction that it belongs to.",
    ),
    Rule(
        3,
        "All tasks retry.",
        "Every task has the base ShopTask: retried for about a day, then kept as a failed task.",
    ),
    Rule(
        4,
        "All tasks are idempotent.",
        "What a task changes commits together with its end; outside, the ledger gives one effect"
        " one key; and the tests run every task twice.",
    ),
    Rule(
        5,
        "Each queue has its own worker.",
        "Routes, workers and the Procfile follow from config/queues.py, the one list.",
    ),
    Rule(
        6,
        "Each app has its own broker.",
        "Each app stamps its own broker, and its processes do not start on another's.",
    ),
    Rule(
        7,
        "Everything is monitored.",
        "Beat and the relay look each minute, watch each other, and tell past the queue; Flower is"
        " for those on call.",
    ),
)

# By the id of the check: the number of the rule, and what holds where it finds nothing.
CHECKS: dict[str, tuple[int, str]] = {
    "brokers.E001": (6, "each app says whose its broker is"),
    "brokers.E002": (6, "no two apps share a broker's server"),
    "brokers.E003": (6, "no cache is on a broker's server"),
    "brokers.E004": (6, "no results are on a broker's server"),
    "brokers.E005": (6, "each broker is this app's, and of this environment"),
    "brokers.E006": (6, "no broker throws messages away when it is full"),
    "durable_tasks.E001": (3, "no DURABLE_TASKS_ setting is misspelt"),
    "durable_tasks.E002": (3, "the numbers among them are some"),
    "durable_tasks.E003": (3, "what is redacted is neither everything nor nothing"),
    "durable_tasks.E004": (3, "the database of durable tasks is there"),
    "durable_tasks.E005": (3, "it is PostgreSQL"),
    "durable_tasks.E006": (3, "the routers send them there"),
    "durable_tasks.E007": (5, "each queue's cap is one"),
    "durable_tasks.E008": (3, "the app's tasks are durable"),
    "durable_tasks.E009": (3, "a message that cannot be read is kept"),
    "durable_tasks.E010": (5, "the pool has processes that can end with their task"),
    "durable_tasks.E011": (3, "workers take the relay's messages"),
    "durable_tasks.E012": (3, "no task is refused at its definition"),
    "durable_tasks.E013": (6, "the other apps are Celery apps"),
    "durable_tasks.E014": (6, "what another app's tasks leave behind can be replayed there"),
    "durable_tasks.E015": (6, "another app is not the shop's own"),
    "durable_tasks.E016": (4, "processes share no database session"),
    "durable_tasks.E017": (4, "a long task's transaction can commit"),
    "durable_tasks.E018": (6, "no prefix stands for a broker of one's own"),
    "durable_tasks.E019": (1, "no task runs in its caller (task_always_eager)"),
    "durable_tasks.E030": (3, "Django's own tasks have right options"),
    "durable_tasks.E031": (5, "their queues are declared"),
    "durable_tasks.E032": (3, "they are checked"),
    "durable_tasks.E033": (3, "workers find them"),
    "durable_tasks.W001": (4, "a lease outlasts a busy machine"),
    "durable_tasks.W003": (6, "results do not travel on the broker (rpc://)"),
    "durable_tasks.W004": (3, "a worker keeps its database connection"),
    "durable_tasks.W005": (3, "no task has a base that is not durable"),
    "durable_tasks.W006": (3, "every durable task has a time limit"),
    "durable_tasks.W007": (6, "another app keeps its failures"),
    "external_contact.E001": (1, "no EXTERNAL_CONTACT setting is misspelt"),
    "external_contact.E002": (1, "its mode is one"),
    "external_contact.E003": (1, "who may be contacted has an address"),
    "external_contact.E004": (1, "the brokers named there are settings"),
    "external_contact.E005": (1, "requests are watched"),
    "external_contact.W001": (1, "all of a request is"),
    "external_contact.W002": (1, "no contact ends a customer's request"),
    "external_contact.W003": (1, "the watch is not turned off"),
    "failure_check.E001": (7, "no FAILURE_CHECK setting is misspelt"),
    "failure_check.E002": (7, "the numbers among them are some"),
    "failure_check.E003": (7, "each check and each path of an alarm is there"),
    "failure_check.E004": (7, "the dead man's switch has an address"),
    "failure_check.E005": (7, "alarms are kept in PostgreSQL"),
    "failure_check.E006": (7, "something is looked for"),
    "failure_check.E007": (7, "beat looks"),
    "failure_check.E008": (7, "somebody is told"),
    "failure_check.W001": (7, "alarms are kept while the database is away"),
    "flower_auth.E001": (7, "a Flower that somebody starts by hand is closed"),
    "flower_auth.E002": (7, "each Flower that the project starts has the guard"),
    "flower_auth.E003": (7, "none is opened by an option or a variable"),
    "flower_auth.E004": (7, "the project's processes can be read"),
    "flower_auth.W001": (7, "whoever opens Flower is sent to a page that is there"),
    "idempotency.E001": (4, "no IDEMPOTENCY_ setting is misspelt"),
    "idempotency.E002": (4, "recorded effects are kept for a number of days"),
    "idempotency.E003": (4, "the ledger's clean-up has a queue"),
    "idempotency.E004": (4, "the ledger is in PostgreSQL"),
    "idempotency.W001": (4, "effects are remembered until a task is replayed"),
    "payments.E001": (1, "the provider has an address"),
    "payments.E002": (1, "the provider's key fits a header"),
    "payments.E003": (1, "the provider's key travels encrypted"),
    "queued_mail.E001": (2, "no QUEUED_MAIL_ setting is misspelt"),
    "queued_mail.E002": (2, "mails have a queue"),
    "queued_mail.E003": (2, "the numbers among the settings are some"),
    "queued_mail.E004": (2, "the delivering backend is there"),
    "queued_mail.E005": (2, "it does not queue in its turn"),
    "queued_mail.E006": (2, "it does not fail silently"),
    "queued_mail.E007": (2, "mails are kept in PostgreSQL"),
    "queued_mail.E008": (2, "the default backend queues"),
    "queued_mail.E009": (2, "no other mailer sends at once"),
    "queued_mail.E010": (2, "no code names a backend that does"),
    "queued_mail.W001": (2, "the mail server has a timeout"),
    "queued_mail.W003": (2, "a frozen broker holds up no mail's sender"),
    "queued_mail.W004": (2, "one delivery has ended before the next begins"),
    "queued_mail.W005": (7, "error mails go past the queue"),
    "queues.E001": (5, "every task is on a declared queue"),
    "queues.E002": (5, "every queue has a worker"),
    "queues.E003": (5, "the Procfile is what the list says"),
    "queues.E004": (5, "no worker takes from two queues"),
    "queues.E005": (3, "each queue's pool can end a task at its time limit"),
    "queues.E006": (1, "no transaction is open while the outside is asked"),
    "queues.E007": (5, "durable tasks run in pools with processes"),
    "queues.E008": (5, "no QUEUES setting is misspelt"),
    "queues.E009": (5, "every task can be loaded"),
    "retrying_task.E001": (3, "no RETRYING_TASK_ setting is misspelt"),
    "retrying_task.E002": (3, "the apps named there are some, and exemptions have a reason"),
    "retrying_task.E003": (3, "every task has the base that retries"),
    "retrying_task.E004": (3, "none has its retries turned off"),
    "retrying_task.E005": (3, "retries have an end"),
    "retrying_task.E006": (3, "they back off"),
    "retrying_task.E007": (3, "every task has time limits"),
    "retrying_task.E008": (3, "no plain task is handed out while it still waits or runs"),
    "retrying_task.E009": (3, "Celery knows each of its settings"),
    "retrying_task.E010": (3, "the modules of tasks can be read, and none is refused"),
    "retrying_task.E011": (3, "no setting of Celery's stands where it is not read"),
    "retrying_task.W001": (3, "retries outlast a restart of what they wait for"),
    "retrying_task.W002": (3, "bugs are not retried"),
    "retrying_task.W003": (6, "no result is kept that nobody reads"),
    "shop.E007": (2, "mails leave this machine encrypted"),
    "shop.E008": (2, "the links in mails are https"),
    "shop.E010": (7, "every check can be asked"),
}

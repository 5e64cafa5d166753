"""Kubernetes: a Deployment for each process, and a Service for one with a port."""

import math

from ..process import Process
from .target import Target, in_list, quoted

HEAD = """\
# Printed by `manage.py queues --format kubernetes`: print it anew, and let kustomize or its like
# change what differs. Nothing secret is in it: the Secret has the variables of the README.
#     kubectl create secret generic {label} --from-env-file=production.env
# Run `python manage.py migrate` as a Job before a new version; what starts before it waits.
"""
DEPLOYMENT = """\
---
# {why}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {label}
  labels: {labels}
spec:
  {replicas}
  selector:
    matchLabels: {labels}
  template:
    metadata:
      labels: {labels}
    spec:
      # Killed before it has ended by itself, a process leaves work to be found.
      terminationGracePeriodSeconds: {stop_seconds}
      # Without it each Service adds variables, such as FLOWER_PORT, which the settings would read.
      enableServiceLinks: false
      automountServiceAccountToken: false
      securityContext: {{runAsNonRoot: true}}
      containers:
        - name: {container}
          image: {image}
          command: {command}
          envFrom:
            - secretRef: {{name: {project}}}
"""
RESOURCES = """\
          resources:
            # It takes {memory_mb} MB when it has begun; above the limit something is wrong with it.
            # No limit of CPU: one that is throttled amid a task is late for its lease.
            requests: {{memory: {memory_mb}Mi, cpu: 50m}}
            limits: {{memory: {limit_mb}Mi}}
          securityContext: {{allowPrivilegeEscalation: false}}
"""
# Seconds in which a pod that ends is still sent requests, until all nodes know.
LEAVING_SECONDS = 5
PROBES = """\
          # Until all nodes know that it leaves, it is still sent requests.
          lifecycle:
            preStop: {{exec: {{command: ["sleep", "{leaving}"]}}}}
          # It waits for the database and its migrations before it answers, for ten minutes here.
          startupProbe:
            httpGet: {{path: {live}, port: {port}}}
            periodSeconds: 5
            timeoutSeconds: 5
            failureThreshold: 120
          # Does the process answer? Nothing else: a restart mends no database.
          livenessProbe:
            httpGet: {{path: {live}, port: {port}}}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          # Is it of use? Without its database it is sent nothing.
          readinessProbe:
            httpGet: {{path: {ready}, port: {port}}}
            periodSeconds: 5
            timeoutSeconds: 5
"""
SERVICE = """\
---
apiVersion: v1
kind: Service
metadata:
  name: {label}
  labels: {labels}
spec:
  selector: {labels}
  ports:
    - {{port: {port}, targetPort: {port}}}
"""
SINGLE = """\
# Never two at once: the old one has ended before the new one starts.
  replicas: 1
  strategy: {type: Recreate}"""
# Of a worker and its like. A probe that asks through the broker would end all of them with it,
# and what a frozen one has taken is given to others, and told, by its lease and its heartbeat.
NO_PROBES = """\
          # No probe: one that asks through the broker would end every worker with that, and a
          # frozen one is found by its heartbeat.
"""
BEHIND = """\
          # On loopback, for a proxy that is a second container of this pod.
"""


def kubernetes(processes: tuple[Process, ...], target: Target) -> str:
    """Return the manifests; raise `ValueError` where a name is too long."""
    head = HEAD.format(label=target.label())
    return head + "".join(manifests(process, target) for process in processes)


def manifests(process: Process, target: Target) -> str:
    """Return the Deployment of a process, and its Service."""
    label = target.label(process.name)
    labels = f"{{app: {target.label()}, process: {process.name}}}"
    leaving = LEAVING_SECONDS if process.port else 0
    text = DEPLOYMENT.format(
        why=process.why,
        label=label,
        labels=labels,
        replicas=SINGLE if process.is_single else "replicas: 1",
        stop_seconds=math.ceil(process.stop_seconds) + leaving,
        container=process.name.replace("_", "-"),
        image=quoted(target.image_or_default),
        command=in_list(process.words),
        project=target.label(),
    )
    text += environment(process)
    text += RESOURCES.format(memory_mb=process.memory_mb, limit_mb=process.limit_mb)
    text += BEHIND if process.behind else ""
    if not process.port:
        return text + NO_PROBES
    return text + probes(process) + SERVICE.format(label=label, labels=labels, port=process.port)


def environment(process: Process) -> str:
    """Return the variables that go before the Secret's."""
    values = {**process.deployed, **process.container_environment}
    if not values:
        return ""
    lines = [f"            - {{name: {name}, value: {quoted(values[name])}}}" for name in values]
    return "\n".join(["          env:", *lines, ""])


def probes(process: Process) -> str:
    """Return what is asked over HTTP."""
    port, live, ready = process.port, process.live_path, process.ready_path
    return PROBES.format(port=port, live=live, ready=ready, leaving=LEAVING_SECONDS)

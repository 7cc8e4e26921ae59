"""The Celery application. A task is just another interface: it fetches a row and calls one function."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsignal_portal.settings")

app = Celery("authsignal_portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

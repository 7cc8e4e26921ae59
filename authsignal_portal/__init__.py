"""The project package: its roof (settings, URLs, Celery, WSGI) and its ground floor (tenants, keys, API base)."""

from authsignal_portal.celery import app as celery_app

__all__ = ["celery_app"]

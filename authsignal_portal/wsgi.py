"""The WSGI application: API, hosted pages and portal."""

import os

from django.core.wsgi import get_wsgi_application

from authsignal_portal.checks import refuse_unsafe_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsignal_portal.settings")

application = get_wsgi_application()
refuse_unsafe_start()

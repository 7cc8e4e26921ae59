"""The WSGI application: API, hosted pages and portal."""

import os

from django.core.wsgi import get_wsgi_application

from actions import ip_intel
from authsignal_portal import thread_connections, user_agent
from authsignal_portal.checks import refuse_unsafe_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsignal_portal.settings")

application = get_wsgi_application()
refuse_unsafe_start()
thread_connections.close_with_their_threads()
# Otherwise the first request of each process would wait for this.
user_agent.warm()
ip_intel.warm()

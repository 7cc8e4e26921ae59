"""The project's URLs, and the floor: the least that a DRF endpoint with an API key and one stored row can do."""

import uuid
from datetime import UTC, datetime

from django.contrib.sessions.models import Session
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from actions.serializers import TrackInput
from authsignal_portal.api import ServerView
from authsignal_portal.urls import urlpatterns as project

EXPIRES = datetime(2100, 1, 1, tzinfo=UTC)


class Floor(ServerView):
    """Same process, middleware, authentication class and serializer as `track`; one ORM create()."""

    def post(self, request: Request, user_id: str) -> Response:
        given = self.parsed(TrackInput)
        row = Session.objects.create(session_key=uuid.uuid4().hex, session_data=str(given), expire_date=EXPIRES)
        return Response({"key": row.session_key, "userId": user_id})


urlpatterns = [path("v1/floor/<str:user_id>", Floor.as_view()), *project]

"""Django's middlewares without a hop to a thread for each of their hooks: they only look at headers and cookies.

Between event loop and view, Django hops to a thread and back 14 times for these seven, which takes longer than the
whole of a small query. A hook that may reach the database still hops.
"""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware


class _InPlace:
    """Calls the hooks of the middleware beside it in the event loop."""

    def may_wait(self, request: HttpRequest) -> bool:
        """Whether `process_response` may reach the database."""
        return False

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        """What MiddlewareMixin does, in place."""
        asked = getattr(self, "process_request", None)
        response: HttpResponseBase | None = asked(request) if asked else None
        if response is None:
            response = await self.get_response(request)  # type: ignore[attr-defined]
        answered = getattr(self, "process_response", None)
        if answered is None:
            return response
        if self.may_wait(request):
            waited: HttpResponseBase = await sync_to_async(answered, thread_sensitive=True)(request, response)
            return waited
        done: HttpResponseBase = answered(request, response)
        return done


class Security(_InPlace, SecurityMiddleware):
    """Headers that keep browsers careful."""


class Session(_InPlace, SessionMiddleware):
    """The session, read when somebody looks at it."""

    def may_wait(self, request: HttpRequest) -> bool:
        """It is saved when it was changed."""
        return bool(request.session.modified)


class Common(_InPlace, CommonMiddleware):
    """Host, and length of the answer."""


class Csrf(_InPlace, CsrfViewMiddleware):
    """The CSRF token, which lies in a cookie."""

    async def process_view(self, *given: Any) -> Any:  # type: ignore[override]
        """The check before a view; it reads a form's body, which is at hand."""
        return super().process_view(*given)


class Authentication(_InPlace, AuthenticationMiddleware):
    """The user, read when somebody looks at them."""


class Messages(_InPlace, MessageMiddleware):
    """Messages to people, kept in a cookie or the session."""

    def may_wait(self, request: HttpRequest) -> bool:
        """They are kept when there were any."""
        messages = getattr(request, "_messages", None)
        return messages is not None and (messages.used or messages.added_new)


class XFrameOptions(_InPlace, XFrameOptionsMiddleware):
    """No frames of other sites."""

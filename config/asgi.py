"""The ASGI application: HTTP by Django behind a limit of body sizes, WebSockets by the GraphQL API.

What is posted to the API goes past both where that is possible (`config.direct`).
"""

from __future__ import annotations

import gc
import os
from typing import Any

import django
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.handlers.asgi import ASGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")  # noqa: TID251 - Django reads it there
django.setup(set_prefix=False)

# These import models, which needs Django to be set up first.
from config.direct import ShortWay  # noqa: E402
from config.statement_timeout import bound_statements  # noqa: E402
from graphql_api.consumers import websocket_urlpatterns  # noqa: E402
from runner_api.body_limit import BodyLimit  # noqa: E402

bound_statements()
# Django types the messages of ASGI more narrowly than the protocol does.
http_application: Any = ASGIHandler()
application = ShortWay(
    ProtocolTypeRouter({"http": BodyLimit(http_application), "websocket": URLRouter(websocket_urlpatterns)})
)

# What has been imported stays. Unless it is set aside, every full collection goes through it again, in the middle of
# requests: the graph of 1,000 jobs took half as long again. A query for a few hundred rows makes thousands of objects,
# nearly all of which go without the collector: it need not look after every 700.
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 10, 10)

"""The composition root: settings, URLs, ASGI, and the supervisor; imported by nobody."""

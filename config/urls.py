"""Mounts every door."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView

from config import health
from graphql_api.urls import urlpatterns as graphql_urls
from runner_api.urls import urlpatterns as runner_urls

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/-/graphql-explorer")),
    path("-/health", health.health),
    path("-/readiness", health.readiness),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    *graphql_urls,
    *runner_urls,
]

"""Owns the paths of this API."""

from django.urls import URLPattern, path

from graphql_api.views import explorer, graphql_view

urlpatterns: list[URLPattern] = [
    path("api/graphql", graphql_view, name="graphql"),
    path("-/graphql-explorer", explorer, name="graphql-explorer"),
]

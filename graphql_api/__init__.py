"""The GraphQL API: reads by queryset, writes by action."""

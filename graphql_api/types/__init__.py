"""The types of the schema: plain Strawberry types whose parents are rows of the domain."""

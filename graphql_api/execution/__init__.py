"""Executes operations breadth-first: a field is resolved once for all objects at its place in the document."""

"""Owns the reading of each keyword: a YAML value in, a checked and plain value out."""

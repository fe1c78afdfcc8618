"""Passes the arguments of list fields to the FilterSets of the domain."""

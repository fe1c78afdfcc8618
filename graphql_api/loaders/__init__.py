"""Reads rows for many parents at once; the only place below the types that queries the database."""

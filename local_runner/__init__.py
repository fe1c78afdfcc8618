"""Owns the version of the local runner, a small CI runner for demo and tests: a client of the runner API."""

VERSION = "0.1.0"

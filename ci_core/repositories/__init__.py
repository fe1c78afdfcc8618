"""Git repositories: what a pipeline reads of them, and serving clones."""

from ci_core.repositories.reading import Commit, open_repository

__all__ = ["Commit", "open_repository"]

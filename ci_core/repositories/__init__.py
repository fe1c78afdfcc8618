"""Git repositories: what a pipeline reads of them, and serving clones."""

from ci_core.repositories.reading import Commit, Repository, open_repository

__all__ = ["Commit", "Repository", "open_repository"]

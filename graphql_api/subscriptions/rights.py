"""Owns whose results are the same: what an execution may ask of its caller and still hold for others."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from ci_core.access import Principal


def role(principal: Principal, project_id: int) -> Hashable:
    """Equal for callers to whom an execution that is not personal gives the same."""
    return principal.level_in(project_id), principal.may_write


def person(principal: Principal) -> Hashable:
    """Equal for callers to whom any execution gives the same: one user, with the same scopes."""
    return principal.user.pk if principal.user else None, principal.scopes


class WatchedPrincipal(Principal):
    """A caller's rights, which notes whether it was asked for more than their role in one project.

    Whether an execution is personal is seen while it runs and not guessed from its document: a field may look at the
    caller for some rows only. It is personal as soon as anything else is read: who the user is, or another project.
    What was read before `watch` does not count: the check of the document, whose outcome nobody is told.
    """

    def __init__(self, principal: Principal, project_id: int) -> None:
        super().__init__(principal.user, principal.scopes, dict(principal._levels))
        self._principal = principal
        self._project_id = project_id
        self.personal = False

    def watch(self) -> None:
        """Begins to note: from now on what is read makes the result."""
        self.personal = False

    def __getattribute__(self, name: str) -> Any:
        if name in ("user", "scopes"):
            self.personal = True
        return super().__getattribute__(name)

    @property
    def may_write(self) -> bool:
        """See Principal; part of the role."""
        return self._principal.may_write

    def level_in(self, project_id: int) -> int:
        """See Principal; the level in the one project is part of the role."""
        if project_id == self._project_id:
            return self._principal.level_in(project_id)
        return super().level_in(project_id)

    def load_levels(self, project_ids: list[int]) -> None:
        """See Principal."""
        others = [project_id for project_id in project_ids if project_id != self._project_id]
        if others:
            super().load_levels(others)

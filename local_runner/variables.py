"""Owns the job's variables: order, expansion among each other, file variables, and what must be masked."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_runner.errors import SystemFailure
from local_runner.job import Variable

_EXPANSION_LIMIT = 16 * 1024 * 1024  # characters put in for references, all variables together

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\})"
)


class Variables:
    """A job's variables after expansion. For equal keys the last definition wins.

    `$NAME` and `${NAME}` are replaced in every value that is not raw; `$$` becomes `$`. A name nobody defined
    is looked up in `inherited` (so that `PATH: "/opt/bin:$PATH"` works) and is empty otherwise. A variable
    that refers to itself gets its previous definition. File variables are written to `file_dir` (0600) and
    hold their path.
    """

    def __init__(
        self, definitions: Sequence[Variable], *, inherited: Mapping[str, str], file_dir: Path
    ) -> None:
        self._inherited = inherited
        self._file_dir = file_dir
        self._definitions: dict[str, list[Variable]] = {}
        self.skipped: list[str] = []  # keys that no shell could hold
        for variable in definitions:
            if _NAME.fullmatch(variable.key) and "\0" not in variable.value:
                self._definitions.setdefault(variable.key, []).append(variable)
            else:
                self.skipped.append(variable.key)
        self._values: dict[str, str] = {}
        self._resolved: dict[tuple[str, int], str] = {}
        self._expanded = 0
        self._secrets: set[str] = set()
        try:
            for key in self._definitions:
                self._values[key] = self._resolve(key, {})
        except RecursionError:
            raise SystemFailure("the variables refer to each other too deeply") from None

    def get(self, key: str, default: str = "") -> str:
        """The value of a variable, or the default if it is not defined or empty."""
        return self._values.get(key, "") or default

    def expand(self, text: str) -> str:
        """Replace references in a text (a path, a cache key, an artifact name)."""
        return _REFERENCE.sub(lambda match: self._replace(match, {}), text)

    def environment(self, **extra: str) -> dict[str, str]:
        """The environment of a script: what is inherited, the variables, then `extra`."""
        return {**self._inherited, **self._values, **extra}

    def secrets(self) -> set[str]:
        """Values that must not appear in the log."""
        return set(self._secrets)

    def flag(self, key: str) -> bool:
        """Whether a variable is set to something that means yes."""
        return self.get(key).lower() in ("1", "true", "yes", "on")

    def _resolve(self, key: str, in_progress: dict[str, int]) -> str:
        """The value of the newest definition of a key that is not being worked out already."""
        known = self._definitions.get(key, ())
        position = in_progress.get(key, len(known)) - 1
        if position < 0:
            return self._inherited.get(key, "")
        if (key, position) not in self._resolved:
            self._resolved[key, position] = self._expand_definition(known[position], position, in_progress)
        return self._resolved[key, position]

    def _expand_definition(self, variable: Variable, position: int, in_progress: dict[str, int]) -> str:
        value = variable.value
        if not variable.raw:
            deeper = {**in_progress, variable.key: position}
            value = _REFERENCE.sub(lambda match: self._replace(match, deeper), value)
        if variable.masked:
            self._secrets |= {text for text in (value, variable.value) if text}
        return self._write_file(variable.key, value) if variable.file else value

    def _replace(self, match: re.Match[str], in_progress: dict[str, int]) -> str:
        if match["escaped"]:
            return "$"
        value = self._resolve(match["plain"] or match["braced"], in_progress)
        self._expanded += len(value)
        if self._expanded > _EXPANSION_LIMIT:
            raise SystemFailure("the variables expand to more than 16 MiB")
        return value

    def _write_file(self, key: str, content: str) -> str:
        path = self._file_dir / key
        path.touch(mode=0o600)
        path.write_text(content, encoding="utf-8", newline="")
        return str(path)

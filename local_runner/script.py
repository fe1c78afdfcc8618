"""Owns turning script lines into the text that bash runs."""

import shlex

from local_runner.trace import GREEN, RESET

BASH = ("bash", "--noprofile", "--norc")


def bash_script(lines: tuple[str, ...], *, trace: bool = False) -> str:
    """One bash program: stops at the first failure and shows each command before it runs."""
    out = ["set -eo pipefail", "set +o noclobber"]
    if trace:
        out.append("set -o xtrace")
    for line in lines:
        if line.strip():
            out.append(f"echo {shlex.quote(f'{GREEN}$ {_shown(line)}{RESET}')}")
        out.append(line)
    return "\n".join(out) + "\n"


def _shown(line: str) -> str:
    """A command as the log shows it: only the first line of several."""
    first, _, rest = line.strip().partition("\n")
    return f"{first} # collapsed multi-line command" if rest else first

"""Owns reading the environment: the runner token, and the few variables that jobs may inherit."""

import os

TOKEN_VARIABLE = "PIPEYARD_RUNNER_TOKEN"  # noqa: S105 - the name of a variable, not a secret

# An allow-list: whatever else the runner was started with (its token, DATABASE_URL, PIPEYARD_*) stays out.
_INHERITED = (
    "HOME", "PATH", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
)  # fmt: skip
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def runner_token() -> str:
    """The runner token from the environment, or an empty text."""
    return os.environ.get(TOKEN_VARIABLE, "")  # noqa: TID251 - a program of its own


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine (a proxy never serves it)."""
    return host in _LOOPBACK


def inherited_environment() -> dict[str, str]:
    """The variables of this process that a job starts with."""
    source = os.environ  # noqa: TID251 - see above
    found = {key: source[key] for key in _INHERITED if key in source}
    found.update({key: value for key, value in source.items() if key.startswith("LC_")})
    found.setdefault("PATH", os.defpath)
    if any(key.lower().endswith("_proxy") for key in found):
        for key in ("no_proxy", "NO_PROXY"):
            found[key] = ",".join([*filter(None, [found.get(key)]), *_LOOPBACK])
    return found

"""Reads the environment into one frozen, typed Env; the only module that may look at os.environ."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent

#: Web processes by default, if there are as many cores. Each makes every commit dearer if it listens to the database,
#: and takes connections.
MOST_WEB_PROCESSES: Final = 4
#: Connections that all web processes together keep at most by default, and bounds of what one of them keeps.
POOLED: Final = 64
MOST_POOL: Final = 16
LEAST_POOL: Final = 4


@dataclass(frozen=True, slots=True)
class GraphQLEnv:
    """What an operator may set of the GraphQL API; docs/graphql-api.md tells what each limit counts.

    body_limit, document_limit: bytes. time_limit_seconds: of one operation. rate_limit, anonymous_rate_limit: requests
    a minute of one user, and of one address; 0 for no limit. batch_limit: operations in one request; 0 takes no lists.
    persisted_limit: documents of clients that are kept; 0 for none. trusted_only: whether only those on the list run.
    introspection, suggestions: whether the schema is told, by query and in errors.
    """

    body_limit: int
    document_limit: int
    token_limit: int
    depth_limit: int
    alias_limit: int
    directive_limit: int
    complexity_limit: int
    anonymous_complexity_limit: int
    batch_limit: int
    time_limit_seconds: float
    rate_limit: int
    anonymous_rate_limit: int
    persisted_limit: int
    trusted_only: bool
    introspection: bool
    suggestions: bool


@dataclass(frozen=True, slots=True)
class Env:
    """What an operator may set.

    home: folder of this installation's state (keys, repositories, artifacts).
    port: TCP port of the web server.
    bind: address the web server listens on.
    web_processes: how many processes answer there.
    keep_alive_seconds: how long the web server keeps a connection open that nobody uses.
    external_url: how runners and people reach the server, without a trailing slash.
    database_url: None while there is no database; `manage.py up` then starts the embedded PostgreSQL.
    database_is_given: whether that came from DATABASE_URL, and not from an earlier `manage.py up`.
    redis_url: Redis server over which a worker rings the bell of web processes; None where these listen themselves.
    redis_prefix: begins all names that this installation uses in Redis, which others may share.
    secret_key: signs sessions and derives job tokens.
    debug: Django's debug mode.
    allowed_hosts: host names the server answers to.
    long_poll_seconds: how long `/jobs/request` is held open while there is no job.
    artifact_limit: largest artifact upload, bytes.
    trace_limit: largest job log, bytes.
    database_pool: connections a process keeps at most.
    include_prefixes: URLs that `include:remote` may begin with; none are allowed by default.
    template_registry: host of the images that shared templates name (CI_TEMPLATE_REGISTRY_HOST); may be empty.
    include_templates: base URL of `include:template`, itself under one of those prefixes; empty for none.
    breadth_first: whether GraphQL operations are executed breadth-first; otherwise graphql-core executes all of them.
    graphql_expect: whether statements that a request asked before are sent at once when it comes again.
    prepared_statements: whether hand-written statements are prepared; not behind a pooler that cannot keep them.
    graphql: bounds of the GraphQL API.
    revision: commit that this installation was made from, for people to see.
    """

    home: Path
    port: int
    bind: str
    web_processes: int
    keep_alive_seconds: int
    external_url: str
    database_url: str | None
    database_is_given: bool
    redis_url: str | None
    redis_prefix: str
    secret_key: str
    debug: bool
    allowed_hosts: tuple[str, ...]
    long_poll_seconds: float
    artifact_limit: int
    trace_limit: int
    database_pool: int
    include_prefixes: tuple[str, ...]
    template_registry: str
    include_templates: str
    breadth_first: bool
    graphql_expect: bool
    prepared_statements: bool
    graphql: GraphQLEnv
    revision: str


def _text_file(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def read_env() -> Env:
    """Env of this process; files in PIPEYARD_HOME (written by `manage.py up`) stand in for unset variables."""
    env = environ.Env()
    home = (ROOT / env.str("PIPEYARD_HOME", ".pipeyard")).resolve()
    port = number("PORT", 8000, least=0)
    given = env.str("DATABASE_URL", "")
    web_processes = number("PIPEYARD_WEB_PROCESSES", min(cores(), MOST_WEB_PROCESSES))
    return Env(
        home=home,
        port=port,
        bind=env.str("PIPEYARD_BIND", "127.0.0.1"),
        web_processes=web_processes,
        keep_alive_seconds=number("PIPEYARD_KEEP_ALIVE_SECONDS", 5, least=0),
        external_url=env.str("PIPEYARD_EXTERNAL_URL", f"http://127.0.0.1:{port}").rstrip("/"),
        database_url=given or _text_file(home / "database-url"),
        database_is_given=bool(given),
        redis_url=_redis_url(env),
        redis_prefix=env.str("PIPEYARD_REDIS_PREFIX", "pipeyard"),
        secret_key=env.str("PIPEYARD_SECRET_KEY", "")
        or _text_file(home / "secret-key")
        or secrets.token_urlsafe(48),
        debug=env.bool("PIPEYARD_DEBUG", False),
        allowed_hosts=tuple(env.list("PIPEYARD_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])),
        long_poll_seconds=number("PIPEYARD_LONG_POLL_SECONDS", 20.0, least=0),
        artifact_limit=number("PIPEYARD_ARTIFACT_LIMIT", 100 * 1024 * 1024, least=0),
        trace_limit=number("PIPEYARD_TRACE_LIMIT", 16 * 1024 * 1024, least=0),
        database_pool=number("PIPEYARD_DATABASE_POOL", _default_pool(web_processes), least=0),
        include_prefixes=tuple(env.list("PIPEYARD_INCLUDE_PREFIXES", default=[])),
        template_registry=env.str("PIPEYARD_TEMPLATE_REGISTRY_HOST", ""),
        include_templates=env.str("PIPEYARD_INCLUDE_TEMPLATES", ""),
        breadth_first=env.bool("PIPEYARD_BREADTH_FIRST", True),
        graphql_expect=env.bool("PIPEYARD_GRAPHQL_EXPECT", True),
        prepared_statements=env.bool("PIPEYARD_PREPARED_STATEMENTS", True),
        graphql=_read_graphql_env(env),
        revision=env.str("PIPEYARD_REVISION", "unknown"),
    )


def cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _default_pool(web_processes: int) -> int:
    """Connections of one process, so that with its listening one and a worker's they fit into PostgreSQL's 100."""
    return max(LEAST_POOL, min(MOST_POOL, POOLED // web_processes))


def _redis_url(env: environ.Env) -> str | None:
    """REDIS_URL. Raises ImproperlyConfigured, without the URL: it may hold a password."""
    url = str(env.str("REDIS_URL", ""))
    if url and not url.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured(
            "REDIS_URL must begin with redis://, rediss:// (TLS) or unix:// (a socket)."
        )
    return url or None


def _read_graphql_env(env: environ.Env) -> GraphQLEnv:
    def limit(name: str, default: int) -> int:
        return number(f"PIPEYARD_GRAPHQL_{name}", default, least=0)

    return GraphQLEnv(
        body_limit=limit("BODY_LIMIT", 4 * 1024 * 1024),
        document_limit=limit("DOCUMENT_LIMIT", 256 * 1024),
        token_limit=limit("TOKEN_LIMIT", 5000),
        depth_limit=limit("DEPTH_LIMIT", 20),
        alias_limit=limit("ALIAS_LIMIT", 100),
        directive_limit=limit("DIRECTIVE_LIMIT", 200),
        complexity_limit=limit("COMPLEXITY_LIMIT", 3000),
        anonymous_complexity_limit=limit("ANONYMOUS_COMPLEXITY_LIMIT", 2000),
        batch_limit=limit("BATCH_LIMIT", 0),
        time_limit_seconds=number("PIPEYARD_GRAPHQL_TIME_LIMIT_SECONDS", 30.0, least=0),
        rate_limit=limit("RATE_LIMIT", 60_000),
        anonymous_rate_limit=limit("ANONYMOUS_RATE_LIMIT", 30_000),
        persisted_limit=limit("PERSISTED_LIMIT", 1000),
        trusted_only=env.bool("PIPEYARD_GRAPHQL_TRUSTED_ONLY", False),
        introspection=env.bool("PIPEYARD_GRAPHQL_INTROSPECTION", True),
        suggestions=env.bool("PIPEYARD_GRAPHQL_SUGGESTIONS", True),
    )


Number = TypeVar("Number", int, float)
_COMPILER_LIMIT: Final = "PIPEYARD_CI_"


def number(name: str, default: Number, *, least: int = 1) -> Number:
    """A number that an operator may set. Raises ImproperlyConfigured, by name, for what is none or below `least`."""
    given = os.environ.get(name, "").strip()
    if not given:
        return default
    try:
        value = type(default)(given)
    except ValueError:
        value = None
    if value is None or not value >= least:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise ImproperlyConfigured(f"{name} must be {kind} of at least {least}, not {given!r}.")
    return value


def compiler_limits() -> dict[str, int]:
    """The limits of the compiler that an operator sets, by name: PIPEYARD_CI_NEEDS_PER_JOB is `needs_per_job`."""
    return {
        name.removeprefix(_COMPILER_LIMIT).lower(): number(name, 1)
        for name in sorted(os.environ)
        if name.startswith(_COMPILER_LIMIT) and os.environ[name].strip()
    }


def child_environment(**extra: str) -> dict[str, str]:
    """This process's environment for a child process, with the given variables set."""
    return {**os.environ, **extra}

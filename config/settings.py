"""Django's settings, made from the Env of the process; every key of our own is documented where it is set."""

from __future__ import annotations

import tomllib

from psycopg.conninfo import conninfo_to_dict

from config.env import ROOT, compiler_limits, number, read_env
from config.logging import logging_config

ENV = read_env()

BASE_DIR = ROOT
SECRET_KEY = ENV.secret_key
DEBUG = ENV.debug
ALLOWED_HOSTS = list(ENV.allowed_hosts)

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_filters",
    "procrastinate.contrib.django",
    "config",
    "ci_core",
    "graphql_api",
    "runner_api",
]

MIDDLEWARE = [
    "config.request_id.RequestIdMiddleware",
    "config.in_place.Security",
    "config.static_files.StaticFilesMiddleware",
    "config.in_place.Session",
    "config.in_place.Common",
    "config.in_place.Csrf",
    "config.in_place.Authentication",
    "config.in_place.Messages",
    "config.in_place.XFrameOptions",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
# Runners send no trailing slash, and a redirect would turn their POST into a GET.
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def _database(url: str | None) -> dict[str, object]:
    """Django's database entry for a libpq connection URL; libpq's own defaults apply where it says nothing."""
    given = conninfo_to_dict(url or "dbname=pipeyard")
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    entry: dict[str, object] = {ours: given.pop(theirs, "") or "" for theirs, ours in names.items()}
    pool = {"min_size": 1, "max_size": ENV.database_pool, "timeout": 10}
    return {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {**given, "pool": pool}, **entry}


DATABASES = {"default": _database(ENV.database_url)}
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # Remote files that `include:cache` asks to keep; up to a mebibyte each.
    "remote_files": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "ci_core_remotefile",
        "OPTIONS": {"MAX_ENTRIES": 500},
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "ci_core.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/admin/login/"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
# Installed packages and the explorer's assets are served straight from where they are: no collectstatic step.
WHITENOISE_USE_FINDERS = True
STATICFILES_DIRS = [("explorer", BASE_DIR / "graphql_api" / "explorer" / "assets")]

# Uploads above this many bytes go to a temporary file rather than to memory.
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# A trace chunk is at most 1 MiB; JSON bodies are smaller.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
_HTTPS = ENV.external_url.startswith("https://")
SESSION_COOKIE_SECURE = _HTTPS
CSRF_COOKIE_SECURE = _HTTPS
CSRF_TRUSTED_ORIGINS = [ENV.external_url]

# A new token is shown in a message: keep it out of the session table.
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

UNFOLD = {
    "SITE_TITLE": "Pipeyard",
    "SITE_HEADER": "Pipeyard",
    "SITE_SUBHEADER": "Support desk",
    "SITE_SYMBOL": "conveyor_belt",
    "SITE_URL": "/",
    "LOGIN": {"form": "config.sign_in_form.SignInForm"},
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "SIDEBAR": {"show_search": True, "show_all_applications": False},
}

LOGGING_CONFIG = None
LOGGING = logging_config()

PROCRASTINATE_ON_APP_READY = "ci_core.tasks.procrastinate.on_app_ready"
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"

# --- Pipeyard's own keys --------------------------------------------------------------------------------------

#: Version of Pipeyard.
PIPEYARD_VERSION: str = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "version"
]
#: Commit that this installation was made from, as the operator says.
PIPEYARD_REVISION = ENV.revision
#: Folder of this installation's state.
PIPEYARD_HOME = ENV.home
#: Redis server that carries the bell; None where each web process listens to the database.
PIPEYARD_REDIS_URL = ENV.redis_url
#: What all names in Redis begin with.
PIPEYARD_REDIS_PREFIX = ENV.redis_prefix
#: How runners and people reach this server; no trailing slash.
PIPEYARD_EXTERNAL_URL = ENV.external_url
#: Folder that a project's relative repository path starts from.
PIPEYARD_REPOSITORIES = ENV.home / "repositories"
#: Folder of artifact files.
PIPEYARD_ARTIFACTS = ENV.home / "artifacts"
#: Largest artifact upload, bytes.
PIPEYARD_ARTIFACT_LIMIT = ENV.artifact_limit
#: Largest job log, bytes.
PIPEYARD_TRACE_LIMIT = ENV.trace_limit
#: Seconds that `/jobs/request` is held open while there is no job; 0 answers at once.
PIPEYARD_LONG_POLL_SECONDS = ENV.long_poll_seconds
#: Seconds of silence after which a runner is taken for lost. Runners report at least every 33 s.
PIPEYARD_RUNNER_SILENCE_SECONDS = number("PIPEYARD_RUNNER_SILENCE_SECONDS", 180)
#: Seconds a project's job may run when neither job nor project says otherwise.
PIPEYARD_DEFAULT_JOB_TIMEOUT = number("PIPEYARD_DEFAULT_JOB_TIMEOUT", 3600)
#: Seconds that a pending job waits for a runner before it fails as stuck.
PIPEYARD_PENDING_LIMIT_SECONDS = number("PIPEYARD_PENDING_LIMIT_SECONDS", 24 * 3600)
#: Passwords that may be tried for one user name within ten minutes, whoever tries.
PIPEYARD_PASSWORD_TRIES = number("PIPEYARD_PASSWORD_TRIES", 10)
#: Passwords that may be tried from one address within ten minutes.
PIPEYARD_PASSWORD_TRIES_PER_ADDRESS = number("PIPEYARD_PASSWORD_TRIES_PER_ADDRESS", 50)
#: Pipeline schedules that a project may have.
PIPEYARD_SCHEDULES_PER_PROJECT = number("PIPEYARD_SCHEDULES_PER_PROJECT", 50)
#: Pipeline trigger tokens that a project may have.
PIPEYARD_TRIGGERS_PER_PROJECT = number("PIPEYARD_TRIGGERS_PER_PROJECT", 25_000)
#: Seconds that must lie between two runs of a schedule, by its pattern.
PIPEYARD_SCHEDULE_MIN_INTERVAL_SECONDS = number("PIPEYARD_SCHEDULE_MIN_INTERVAL_SECONDS", 60)
#: Days that the record of a schedule's run is kept.
PIPEYARD_SCHEDULE_RUNS_KEPT_DAYS = number("PIPEYARD_SCHEDULE_RUNS_KEPT_DAYS", 90)
#: Seconds that a pending job waits while no runner that is online may take it, before it fails as stuck.
PIPEYARD_STUCK_LIMIT_SECONDS = number("PIPEYARD_STUCK_LIMIT_SECONDS", 3600)
#: Seconds after which a job whose runner has not reported since it was handed the job is taken for lost.
PIPEYARD_ACKNOWLEDGE_SECONDS = number("PIPEYARD_ACKNOWLEDGE_SECONDS", 90)
#: Seconds after which a pipeline is archived: unfinished jobs fail, and none can be started.
PIPEYARD_PIPELINE_AGE_LIMIT_SECONDS = number("PIPEYARD_PIPELINE_AGE_LIMIT_SECONDS", 90 * 24 * 3600)
#: Seconds after its last call for which a runner counts as online.
PIPEYARD_RUNNER_ONLINE_SECONDS = number("PIPEYARD_RUNNER_ONLINE_SECONDS", 120)
#: Pipelines that one pipeline may lead to by trigger jobs, itself included.
PIPEYARD_PIPELINE_FAMILY_SIZE = number("PIPEYARD_PIPELINE_FAMILY_SIZE", 1000)
#: URLs that `include:remote` may begin with.
PIPEYARD_INCLUDE_PREFIXES = list(ENV.include_prefixes)
#: Limits of the compiler that are not its own defaults, by their names in `ci_core.compiler.Limits`.
PIPEYARD_CI_LIMITS = compiler_limits()
#: Base URL of `include:template`; empty when there are no templates.
PIPEYARD_INCLUDE_TEMPLATES = ENV.include_templates
#: CI_TEMPLATE_REGISTRY_HOST of every job: where images that shared templates name are pulled from.
PIPEYARD_TEMPLATE_REGISTRY_HOST = ENV.template_registry
#: Whether GraphQL operations are executed breadth-first; otherwise graphql-core executes all of them.
PIPEYARD_BREADTH_FIRST = ENV.breadth_first
#: Whether the statements that a GraphQL request asked before are sent at once when it comes again.
PIPEYARD_GRAPHQL_EXPECT = ENV.graphql_expect
#: Whether hand-written statements are prepared; not behind a pooler that cannot keep them.
PIPEYARD_PREPARED_STATEMENTS = ENV.prepared_statements
#: Items that one page of a GraphQL connection holds at most.
PIPEYARD_PAGE_LIMIT = number("PIPEYARD_PAGE_LIMIT", 100)
#: Bytes that the body of a GraphQL request may have.
PIPEYARD_GRAPHQL_BODY_LIMIT = ENV.graphql.body_limit
#: Bytes that a GraphQL document may have.
PIPEYARD_GRAPHQL_DOCUMENT_LIMIT = ENV.graphql.document_limit
#: Tokens (names, numbers, strings, punctuation) of a document.
PIPEYARD_GRAPHQL_TOKEN_LIMIT = ENV.graphql.token_limit
#: Levels of fields in an operation.
PIPEYARD_GRAPHQL_DEPTH_LIMIT = ENV.graphql.depth_limit
#: Fields with an alias in an operation; those of a fragment count each time that it is spread.
PIPEYARD_GRAPHQL_ALIAS_LIMIT = ENV.graphql.alias_limit
#: Directives in an operation, counted likewise.
PIPEYARD_GRAPHQL_DIRECTIVE_LIMIT = ENV.graphql.directive_limit
#: Complexity (graphql_api/limits/complexity.py) that a signed-in caller's operation may have.
PIPEYARD_GRAPHQL_COMPLEXITY_LIMIT = ENV.graphql.complexity_limit
#: The same for a caller without a key.
PIPEYARD_GRAPHQL_ANONYMOUS_COMPLEXITY_LIMIT = ENV.graphql.anonymous_complexity_limit
#: Operations that one HTTP request may hold as a list; 0 takes no lists.
PIPEYARD_GRAPHQL_BATCH_LIMIT = ENV.graphql.batch_limit
#: Seconds that an operation may take, and about as long a statement that it sends to the database.
PIPEYARD_GRAPHQL_TIME_LIMIT_SECONDS = ENV.graphql.time_limit_seconds
#: Requests a minute of one user to one web process; 0 for no limit.
PIPEYARD_GRAPHQL_RATE_LIMIT = ENV.graphql.rate_limit
#: Requests a minute without a key from one address; 0 for no limit.
PIPEYARD_GRAPHQL_ANONYMOUS_RATE_LIMIT = ENV.graphql.anonymous_rate_limit
#: Documents that are kept for clients, which then name them by digest; 0 keeps none.
PIPEYARD_GRAPHQL_PERSISTED_LIMIT = ENV.graphql.persisted_limit
#: Whether only documents are carried out that `manage.py trust_documents` put on the list.
PIPEYARD_GRAPHQL_TRUSTED_ONLY = ENV.graphql.trusted_only
#: Whether clients may ask for the schema itself.
PIPEYARD_GRAPHQL_INTROSPECTION = ENV.graphql.introspection
#: Whether errors suggest names of the schema ("Did you mean ...?").
PIPEYARD_GRAPHQL_SUGGESTIONS = ENV.graphql.suggestions
#: Operations that one GraphQL WebSocket may have under way, subscriptions among them.
PIPEYARD_SOCKET_OPERATIONS = number("PIPEYARD_SOCKET_OPERATIONS", 100)
#: Seconds within which a client must introduce itself after it has connected.
PIPEYARD_SOCKET_INIT_SECONDS = number("PIPEYARD_SOCKET_INIT_SECONDS", 15)
#: Characters that a message from a client may have.
PIPEYARD_SOCKET_MESSAGE_LIMIT = number("PIPEYARD_SOCKET_MESSAGE_LIMIT", 256 * 1024)
#: Messages that wait for a client who reads slowly before it is disconnected (code 1013).
PIPEYARD_SOCKET_OUTBOX_MESSAGES = number("PIPEYARD_SOCKET_OUTBOX_MESSAGES", 1000)
#: Characters that these messages may have together.
PIPEYARD_SOCKET_OUTBOX_CHARACTERS = number("PIPEYARD_SOCKET_OUTBOX_CHARACTERS", 16 * 1024 * 1024)
#: Git executable that serves clones.
PIPEYARD_GIT = "git"

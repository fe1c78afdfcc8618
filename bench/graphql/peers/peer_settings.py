"""Django's settings of a Python peer."""

from __future__ import annotations

import os

SECRET_KEY = "the peers answer nobody but the benchmark"
INSTALLED_APPS = ["django.contrib.contenttypes", os.environ["PEER_APP"]]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["PGHOST"],
        "PORT": os.environ["PGPORT"],
        "USER": os.environ["PGUSER"],
        "PASSWORD": os.environ["PGPASSWORD"],
        "NAME": os.environ["PGDATABASE"],
    }
}
USE_TZ = True

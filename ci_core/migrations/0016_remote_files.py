"""The table of Django's database cache in which remote files are kept that `include:cache` asks to keep."""

from django.db import migrations

CREATE = """
CREATE TABLE ci_core_remotefile (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE INDEX ci_core_remotefile_expires ON ci_core_remotefile (expires);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('ci_core', '0015_stage_tally'),
    ]

    operations = [
        migrations.RunSQL(CREATE, "DROP TABLE ci_core_remotefile"),
    ]

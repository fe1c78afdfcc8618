"""Stages know how many of their jobs are in which status."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ci_core', '0014_names_first'),
    ]

    operations = [
        migrations.AddField(
            model_name='stage',
            name='tally',
            field=models.TextField(blank=True, default='', db_default='', help_text='JSON: jobs by status, allow_failure and scheduling_type.'),
        ),
    ]

"""The sweeps over resource groups find those that a job is ready for by an index of such jobs."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ci_core', '0016_remote_files'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='resourceclaim',
            index=models.Index(condition=models.Q(('ready', True)), fields=['group'], name='ci_resource_claim_ready'),
        ),
    ]

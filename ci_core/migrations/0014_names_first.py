"""Indexes of jobs and needs by name begin with it, so that nothing but the key serves look-ups by id."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ci_core', '0013_mirrored_pipelines'),
    ]

    operations = [
        migrations.RemoveIndex(model_name='job', name='ci_job_by_name'),
        migrations.RemoveIndex(model_name='need', name='ci_need_by_name'),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(fields=['name', 'pipeline'], name='ci_job_by_name'),
        ),
        migrations.AddIndex(
            model_name='need',
            index=models.Index(fields=['name', 'pipeline'], name='ci_need_by_name'),
        ),
    ]

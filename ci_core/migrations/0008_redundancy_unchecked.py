"""Which new pipelines have still to be looked at for what they make redundant."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ci_core', '0007_project_changes'),
    ]

    operations = [
        migrations.AddField(
            model_name='pipeline',
            name='redundancy_unchecked',
            field=models.BooleanField(default=False, help_text='Whether it makes older pipelines redundant is still to be looked at.'),
        ),
        migrations.AddIndex(
            model_name='pipeline',
            index=models.Index(condition=models.Q(('redundancy_unchecked', True)), fields=['id'], name='ci_pipeline_unchecked'),
        ),
    ]

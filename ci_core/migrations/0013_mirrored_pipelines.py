"""Links from jobs with `needs:pipeline` alone to the pipelines that they mirror, and the reason why one has none."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ci_core', '0012_trigger_tokens'),
    ]

    operations = [
        migrations.AlterField(
            model_name='job',
            name='failure_reason',
            field=models.CharField(blank=True, choices=[('unknown_failure', 'unknown failure'), ('script_failure', 'script failure'), ('api_failure', 'api failure'), ('stuck_or_timeout_failure', 'stuck or timeout failure'), ('runner_system_failure', 'runner system failure'), ('missing_dependency_failure', 'missing dependency failure'), ('runner_unsupported', 'runner unsupported'), ('job_execution_timeout', 'job execution timeout'), ('trace_size_exceeded', 'trace size exceeded'), ('no_matching_runner', 'no matching runner'), ('failed_outdated_deployment_job', 'failed outdated deployment job'), ('protected_environment_failure', 'protected environment failure'), ('archived_failure', 'archived failure'), ('downstream_bridge_project_not_found', 'downstream bridge project not found'), ('insufficient_bridge_permissions', 'insufficient bridge permissions'), ('invalid_bridge_trigger', 'invalid bridge trigger'), ('downstream_pipeline_creation_failed', 'downstream pipeline creation failed'), ('pipeline_loop_detected', 'pipeline loop detected'), ('reached_max_descendant_pipelines_depth', 'reached max descendant pipelines depth'), ('reached_max_pipeline_hierarchy_size', 'reached max pipeline hierarchy size'), ('upstream_bridge_project_not_found', 'upstream bridge project not found')], max_length=64),
        ),
        migrations.CreateModel(
            name='MirroredPipeline',
            fields=[
                ('job_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('pipeline_id', models.BigIntegerField(help_text="The job's own.")),
                ('mirrored_id', models.BigIntegerField()),
                ('following', models.BooleanField(default=True)),
                ('moved_since', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('following', True)), fields=['mirrored_id'], name='ci_mirrored_followed'), models.Index(condition=models.Q(('following', True)), fields=['pipeline_id'], name='ci_mirrored_following'), models.Index(condition=models.Q(('moved_since__isnull', False)), fields=['moved_since'], name='ci_mirrored_moved')],
            },
        ),
    ]

"""Downstream pipelines: their links to the trigger jobs that created them, and the queue of trigger jobs."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ci_core', '0004_config_explanation'),
    ]

    operations = [
        migrations.CreateModel(
            name='BridgeMessage',
            fields=[
                ('job_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('content', models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name='PendingBridge',
            fields=[
                ('job_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('pipeline_id', models.BigIntegerField()),
                ('queued_at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.AlterField(
            model_name='job',
            name='failure_reason',
            field=models.CharField(blank=True, choices=[('unknown_failure', 'unknown failure'), ('script_failure', 'script failure'), ('api_failure', 'api failure'), ('stuck_or_timeout_failure', 'stuck or timeout failure'), ('runner_system_failure', 'runner system failure'), ('missing_dependency_failure', 'missing dependency failure'), ('runner_unsupported', 'runner unsupported'), ('job_execution_timeout', 'job execution timeout'), ('trace_size_exceeded', 'trace size exceeded'), ('no_matching_runner', 'no matching runner'), ('failed_outdated_deployment_job', 'failed outdated deployment job'), ('protected_environment_failure', 'protected environment failure'), ('archived_failure', 'archived failure'), ('downstream_bridge_project_not_found', 'downstream bridge project not found'), ('insufficient_bridge_permissions', 'insufficient bridge permissions'), ('invalid_bridge_trigger', 'invalid bridge trigger'), ('downstream_pipeline_creation_failed', 'downstream pipeline creation failed'), ('pipeline_loop_detected', 'pipeline loop detected'), ('reached_max_descendant_pipelines_depth', 'reached max descendant pipelines depth'), ('reached_max_pipeline_hierarchy_size', 'reached max pipeline hierarchy size')], max_length=64),
        ),
        migrations.AlterField(
            model_name='pipeline',
            name='source',
            field=models.CharField(choices=[('api', 'api'), ('parent_pipeline', 'parent pipeline'), ('pipeline', 'pipeline'), ('push', 'push'), ('schedule', 'schedule'), ('trigger', 'trigger'), ('web', 'web')], max_length=32),
        ),
        migrations.CreateModel(
            name='DownstreamPipeline',
            fields=[
                ('pipeline', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='source_link', serialize=False, to='ci_core.pipeline')),
                ('source_pipeline_id', models.BigIntegerField()),
                ('source_job_id', models.BigIntegerField(unique=True)),
                ('source_project_id', models.BigIntegerField()),
                ('root_id', models.BigIntegerField()),
                ('child', models.BooleanField(help_text='Of the same project, from files that the trigger job includes.')),
                ('strategy', models.CharField(blank=True, choices=[('', ''), ('depend', 'depend'), ('mirror', 'mirror')], help_text='How the trigger job follows it.', max_length=8)),
                ('cancel_wanted_since', models.DateTimeField(blank=True, help_text='Since when it is to be cancelled because its parent was.', null=True)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['source_pipeline_id'], name='ci_downstream_by_source'), models.Index(fields=['root_id'], name='ci_downstream_by_root'), models.Index(condition=models.Q(('cancel_wanted_since__isnull', False)), fields=['cancel_wanted_since'], name='ci_downstream_to_cancel')],
                'constraints': [models.CheckConstraint(condition=models.Q(('strategy__in', ['', 'depend', 'mirror'])), name='ci_downstream_strategy')],
            },
        ),
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

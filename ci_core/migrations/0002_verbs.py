"""Verbs: resource groups, redundant pipelines, deletion, erasure, variables of single jobs, needs by name."""

import ci_core.models.pipelines
import ci_core.models.resources
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ci_core', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ResourceClaim',
            fields=[
                ('job_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('pipeline_id', models.BigIntegerField()),
                ('ready', models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name='ResourceGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=255)),
                ('process_mode', models.CharField(choices=[('unordered', 'unordered'), ('oldest_first', 'oldest first'), ('newest_first', 'newest first'), ('newest_ready_first', 'newest ready first')], default=ci_core.models.resources.ProcessMode['UNORDERED'], max_length=32)),
                ('holder_id', models.BigIntegerField(blank=True, help_text='Id of the job that has it.', null=True, unique=True)),
                ('created_at', models.DateTimeField()),
                ('updated_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='job',
            name='erased_at',
            field=models.DateTimeField(blank=True, help_text='When log and artifacts were removed.', null=True),
        ),
        migrations.AddField(
            model_name='job',
            name='erased_by',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='job',
            name='given_variables',
            field=models.JSONField(blank=True, help_text='Given by whoever played or retried it: key, value, variable_type.', null=True),
        ),
        migrations.AddField(
            model_name='pipeline',
            name='auto_cancel_on_new_commit',
            field=models.CharField(choices=[('conservative', 'conservative'), ('interruptible', 'interruptible'), ('none', 'none')], default=ci_core.models.pipelines.OnNewCommit['CONSERVATIVE'], max_length=16),
        ),
        migrations.AddField(
            model_name='pipeline',
            name='auto_canceled_by_id',
            field=models.BigIntegerField(blank=True, help_text='Id of the newer pipeline of the ref that made this one redundant.', null=True),
        ),
        migrations.AddField(
            model_name='pipeline',
            name='deleting_since',
            field=models.DateTimeField(blank=True, help_text='Its rows and files are being removed.', null=True),
        ),
        migrations.AddField(
            model_name='project',
            name='auto_cancel_pending_pipelines',
            field=models.BooleanField(default=True, help_text='A new pipeline of a branch cancels older ones that it makes redundant.'),
        ),
        migrations.AddField(
            model_name='runningjob',
            name='acknowledged',
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name='job',
            name='failure_reason',
            field=models.CharField(blank=True, choices=[('unknown_failure', 'unknown failure'), ('script_failure', 'script failure'), ('api_failure', 'api failure'), ('stuck_or_timeout_failure', 'stuck or timeout failure'), ('runner_system_failure', 'runner system failure'), ('missing_dependency_failure', 'missing dependency failure'), ('runner_unsupported', 'runner unsupported'), ('job_execution_timeout', 'job execution timeout'), ('trace_size_exceeded', 'trace size exceeded'), ('no_matching_runner', 'no matching runner'), ('archived_failure', 'archived failure')], max_length=64),
        ),
        migrations.AddIndex(
            model_name='need',
            index=models.Index(fields=['pipeline', 'name'], name='ci_need_by_name'),
        ),
        migrations.AddIndex(
            model_name='pendingjob',
            index=models.Index(fields=['queued_at'], name='ci_pending_by_age'),
        ),
        migrations.AddIndex(
            model_name='pipeline',
            index=models.Index(condition=models.Q(('status__in', ['canceling', 'created', 'pending', 'preparing', 'running', 'scheduled', 'waiting_for_callback', 'waiting_for_resource'])), fields=['created_at'], name='ci_pipeline_unfinished'),
        ),
        migrations.AddIndex(
            model_name='pipeline',
            index=models.Index(condition=models.Q(('deleting_since__isnull', False)), fields=['deleting_since'], name='ci_pipeline_deleting'),
        ),
        migrations.AddIndex(
            model_name='runningjob',
            index=models.Index(condition=models.Q(('acknowledged', False)), fields=['heard_at'], name='ci_running_unacknowledged'),
        ),
        migrations.AddConstraint(
            model_name='pipeline',
            constraint=models.CheckConstraint(condition=models.Q(('auto_cancel_on_new_commit__in', ['conservative', 'interruptible', 'none'])), name='ci_pipeline_on_new_commit'),
        ),
        migrations.AddField(
            model_name='resourcegroup',
            name='project',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='resource_groups', to='ci_core.project'),
        ),
        migrations.AddField(
            model_name='resourceclaim',
            name='group',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='claims', to='ci_core.resourcegroup'),
        ),
        migrations.AddField(
            model_name='job',
            name='resource_group',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, to='ci_core.resourcegroup'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(fields=['pipeline', 'name'], name='ci_job_by_name'),
        ),
        migrations.AddConstraint(
            model_name='resourcegroup',
            constraint=models.UniqueConstraint(fields=('project', 'key'), name='ci_resource_group_once'),
        ),
        migrations.AddConstraint(
            model_name='resourcegroup',
            constraint=models.CheckConstraint(condition=models.Q(('process_mode__in', ['unordered', 'oldest_first', 'newest_first', 'newest_ready_first'])), name='ci_resource_group_mode'),
        ),
        migrations.AddIndex(
            model_name='resourceclaim',
            index=models.Index(fields=['group', 'pipeline_id', 'job_id'], name='ci_resource_claim_order'),
        ),
    ]

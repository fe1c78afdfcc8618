"""The first tables; those that grow without bound are partitioned from the start."""

import django.contrib.auth.models
import django.contrib.auth.validators
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from ci_core import partitions
from ci_core.migrations._partitioned import CreatePartitionedModel


def create_first_partitions(apps, schema_editor):
    partitions.ensure(0)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.RunSQL(
            'CREATE SEQUENCE ci_core_tracechunk_seq; CREATE SEQUENCE ci_core_event_seq',
            'DROP SEQUENCE ci_core_tracechunk_seq; DROP SEQUENCE ci_core_event_seq',
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='email address')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('name', models.CharField(blank=True, max_length=255)),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'abstract': False,
            },
            managers=[
                ('objects', django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='Project',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('full_path', models.CharField(help_text='For example group/shop.', max_length=255, unique=True)),
                ('name', models.CharField(max_length=255)),
                ('description', models.TextField(blank=True)),
                ('visibility', models.CharField(choices=[('private', 'private'), ('internal', 'internal'), ('public', 'public')], default='private', max_length=16)),
                ('default_branch', models.CharField(default='main', max_length=255)),
                ('repository_path', models.CharField(help_text='Of the bare git repository; a relative path starts at PIPEYARD_REPOSITORIES.', max_length=1024)),
                ('ci_config_path', models.CharField(default='.gitlab-ci.yml', max_length=255)),
                ('build_timeout', models.PositiveIntegerField(default=3600, help_text='Seconds that a job may run.')),
                ('created_at', models.DateTimeField()),
                ('updated_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Pipeline',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('iid', models.PositiveBigIntegerField()),
                ('ref', models.CharField(max_length=255)),
                ('tag', models.BooleanField(default=False)),
                ('protected', models.BooleanField(default=False)),
                ('sha', models.CharField(max_length=64)),
                ('before_sha', models.CharField(max_length=64)),
                ('source', models.CharField(choices=[('api', 'api'), ('push', 'push'), ('schedule', 'schedule'), ('trigger', 'trigger'), ('web', 'web')], max_length=32)),
                ('status', models.CharField(choices=[('created', 'created'), ('waiting_for_resource', 'waiting for resource'), ('preparing', 'preparing'), ('waiting_for_callback', 'waiting for callback'), ('pending', 'pending'), ('running', 'running'), ('success', 'success'), ('failed', 'failed'), ('canceling', 'canceling'), ('canceled', 'canceled'), ('skipped', 'skipped'), ('manual', 'manual'), ('scheduled', 'scheduled')], default='created', max_length=32)),
                ('name', models.CharField(blank=True, max_length=255)),
                ('failure_reason', models.CharField(blank=True, choices=[('config_error', 'config error')], max_length=64)),
                ('config_errors', models.JSONField(default=list, help_text='Each with message, file, line, column and path.')),
                ('config_warnings', models.JSONField(default=list)),
                ('cancel_on_job_failure', models.BooleanField(default=False, help_text='workflow:auto_cancel:on_job_failure is all.')),
                ('last_job_number', models.PositiveIntegerField(default=0)),
                ('created_at', models.DateTimeField()),
                ('updated_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('duration', models.PositiveIntegerField(blank=True, help_text='Seconds that jobs were running.', null=True)),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='pipelines', to=settings.AUTH_USER_MODEL)),
                ('project', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='pipelines', to='ci_core.project')),
            ],
        ),
        CreatePartitionedModel(
            name='Stage',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=255)),
                ('position', models.PositiveSmallIntegerField()),
                ('status', models.CharField(choices=[('created', 'created'), ('waiting_for_resource', 'waiting for resource'), ('preparing', 'preparing'), ('waiting_for_callback', 'waiting for callback'), ('pending', 'pending'), ('running', 'running'), ('success', 'success'), ('failed', 'failed'), ('canceling', 'canceling'), ('canceled', 'canceled'), ('skipped', 'skipped'), ('manual', 'manual'), ('scheduled', 'scheduled')], default='created', max_length=32)),
                ('pipeline', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='stages', to='ci_core.pipeline')),
            ],
        ),
        CreatePartitionedModel(
            name='JobDefinition',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('content', models.JSONField()),
                ('pipeline', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='definitions', to='ci_core.pipeline')),
            ],
        ),
        migrations.CreateModel(
            name='Runner',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('description', models.CharField(blank=True, max_length=1024)),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('token_prefix', models.CharField(editable=False, help_text='First characters of the token after glrt-, to recognise it by.', max_length=16)),
                ('runner_type', models.CharField(choices=[('instance_type', 'instance type'), ('project_type', 'project type')], default='instance_type', max_length=16)),
                ('access_level', models.CharField(choices=[('not_protected', 'not protected'), ('ref_protected', 'ref protected')], default='not_protected', max_length=16)),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=255), blank=True, default=list, size=None)),
                ('run_untagged', models.BooleanField(default=True)),
                ('paused', models.BooleanField(default=False)),
                ('locked', models.BooleanField(default=False)),
                ('maximum_timeout', models.PositiveIntegerField(blank=True, help_text="Seconds; a job's own timeout applies when it is smaller.", null=True)),
                ('maintenance_note', models.TextField(blank=True)),
                ('created_at', models.DateTimeField()),
                ('contacted_at', models.DateTimeField(blank=True, null=True)),
                ('creator', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
                ('projects', models.ManyToManyField(blank=True, related_name='runners', to='ci_core.project')),
            ],
        ),
        migrations.CreateModel(
            name='RunnerManager',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('system_id', models.CharField(max_length=64)),
                ('name', models.CharField(blank=True, max_length=255)),
                ('version', models.CharField(blank=True, max_length=255)),
                ('revision', models.CharField(blank=True, max_length=255)),
                ('platform', models.CharField(blank=True, max_length=255)),
                ('architecture', models.CharField(blank=True, max_length=255)),
                ('executor', models.CharField(blank=True, max_length=255)),
                ('features', models.JSONField(blank=True, default=dict)),
                ('ip_address', models.GenericIPAddressField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('contacted_at', models.DateTimeField(blank=True, null=True)),
                ('runner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='managers', to='ci_core.runner')),
            ],
        ),
        CreatePartitionedModel(
            name='Job',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=255)),
                ('number', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('build', 'build'), ('bridge', 'bridge')], default='build', max_length=16)),
                ('status', models.CharField(choices=[('created', 'created'), ('waiting_for_resource', 'waiting for resource'), ('preparing', 'preparing'), ('waiting_for_callback', 'waiting for callback'), ('pending', 'pending'), ('running', 'running'), ('success', 'success'), ('failed', 'failed'), ('canceling', 'canceling'), ('canceled', 'canceled'), ('skipped', 'skipped'), ('manual', 'manual'), ('scheduled', 'scheduled')], default='created', max_length=32)),
                ('when', models.CharField(choices=[('on_success', 'on success'), ('on_failure', 'on failure'), ('always', 'always'), ('manual', 'manual'), ('delayed', 'delayed'), ('never', 'never')], default='on_success', max_length=16)),
                ('scheduling_type', models.CharField(choices=[('stage', 'stage'), ('dag', 'dag')], max_length=8)),
                ('allow_failure', models.BooleanField(default=False)),
                ('enqueue_immediately', models.BooleanField(default=False)),
                ('retried', models.BooleanField(default=False)),
                ('interruptible', models.BooleanField(default=False)),
                ('protected', models.BooleanField(default=False)),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=255), blank=True, default=list, size=None)),
                ('timeout', models.PositiveIntegerField(blank=True, help_text='Seconds.', null=True)),
                ('start_in', models.PositiveIntegerField(blank=True, help_text='Seconds; of a delayed job.', null=True)),
                ('environment_name', models.CharField(blank=True, max_length=255)),
                ('attempt', models.PositiveSmallIntegerField(default=0)),
                ('failure_reason', models.CharField(blank=True, choices=[('unknown_failure', 'unknown failure'), ('script_failure', 'script failure'), ('api_failure', 'api failure'), ('stuck_or_timeout_failure', 'stuck or timeout failure'), ('runner_system_failure', 'runner system failure'), ('missing_dependency_failure', 'missing dependency failure'), ('runner_unsupported', 'runner unsupported'), ('job_execution_timeout', 'job execution timeout'), ('trace_size_exceeded', 'trace size exceeded'), ('no_matching_runner', 'no matching runner')], max_length=64)),
                ('exit_code', models.IntegerField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('updated_at', models.DateTimeField()),
                ('scheduled_at', models.DateTimeField(blank=True, null=True)),
                ('queued_at', models.DateTimeField(blank=True, null=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, to=settings.AUTH_USER_MODEL)),
                ('definition', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='jobs', to='ci_core.jobdefinition')),
                ('pipeline', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='jobs', to='ci_core.pipeline')),
                ('project', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, to='ci_core.project')),
                ('runner', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, to='ci_core.runner')),
                ('runner_manager', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, to='ci_core.runnermanager')),
                ('stage', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='jobs', to='ci_core.stage')),
            ],
        ),
        migrations.CreateModel(
            name='JobTimer',
            fields=[
                ('job_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('pipeline_id', models.BigIntegerField()),
                ('due_at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='PersonalAccessToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255)),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), size=None)),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='personal_access_tokens', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        CreatePartitionedModel(
            name='Need',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=255)),
                ('optional', models.BooleanField(default=False)),
                ('artifacts', models.BooleanField(default=True)),
                ('job', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='needs', to='ci_core.job')),
                ('pipeline', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='needs', to='ci_core.pipeline')),
            ],
        ),
        CreatePartitionedModel(
            name='Event',
            fields=[
                ('id', models.BigIntegerField(db_default=models.Func(models.Value('ci_core_event_seq'), function='nextval'), primary_key=True, serialize=False)),
                ('project_id', models.BigIntegerField()),
                ('kind', models.CharField(choices=[('pipeline', 'pipeline'), ('stage', 'stage'), ('job', 'job')], max_length=16)),
                ('subject_id', models.BigIntegerField(help_text='Id of the pipeline, stage or job.')),
                ('old_status', models.CharField(blank=True, max_length=32)),
                ('status', models.CharField(max_length=32)),
                ('created_at', models.DateTimeField()),
                ('pipeline', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='ci_core.pipeline')),
            ],
        ),
        migrations.CreateModel(
            name='PendingJob',
            fields=[
                ('job_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('pipeline_id', models.BigIntegerField()),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=255), default=list, size=None)),
                ('protected', models.BooleanField(default=False)),
                ('queued_at', models.DateTimeField()),
                ('project', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='ci_core.project')),
            ],
        ),
        migrations.CreateModel(
            name='InternalId',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('usage', models.CharField(max_length=32)),
                ('last_value', models.PositiveBigIntegerField()),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='ci_core.project')),
            ],
        ),
        migrations.CreateModel(
            name='Environment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255)),
                ('slug', models.CharField(max_length=24)),
                ('external_url', models.CharField(blank=True, max_length=1024)),
                ('state', models.CharField(choices=[('available', 'available'), ('stopped', 'stopped')], default='available', max_length=16)),
                ('tier', models.CharField(choices=[('production', 'production'), ('staging', 'staging'), ('testing', 'testing'), ('development', 'development'), ('other', 'other')], default='other', max_length=16)),
                ('auto_stop_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('updated_at', models.DateTimeField()),
                ('project', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='environments', to='ci_core.project')),
            ],
        ),
        migrations.CreateModel(
            name='Deployment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('iid', models.PositiveBigIntegerField()),
                ('pipeline_id', models.BigIntegerField()),
                ('job_id', models.BigIntegerField(unique=True)),
                ('ref', models.CharField(max_length=255)),
                ('tag', models.BooleanField(default=False)),
                ('sha', models.CharField(max_length=64)),
                ('status', models.CharField(choices=[('created', 'created'), ('running', 'running'), ('success', 'success'), ('failed', 'failed'), ('canceled', 'canceled'), ('skipped', 'skipped'), ('blocked', 'blocked')], default='created', max_length=16)),
                ('created_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
                ('environment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deployments', to='ci_core.environment')),
                ('project', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deployments', to='ci_core.project')),
            ],
        ),
        CreatePartitionedModel(
            name='Artifact',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('file_type', models.CharField(max_length=64)),
                ('file_format', models.CharField(choices=[('zip', 'zip'), ('gzip', 'gzip'), ('raw', 'raw'), ('zipzstd', 'zipzstd'), ('tarzstd', 'tarzstd')], max_length=16)),
                ('filename', models.CharField(max_length=255)),
                ('size', models.PositiveBigIntegerField(help_text='Bytes.')),
                ('sha256', models.CharField(max_length=64)),
                ('blob', models.CharField(help_text='Key in the artifact storage.', max_length=255)),
                ('created_at', models.DateTimeField()),
                ('expire_at', models.DateTimeField(blank=True, null=True)),
                ('job', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='artifacts', to='ci_core.job')),
                ('pipeline', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='artifacts', to='ci_core.pipeline')),
                ('project', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, to='ci_core.project')),
            ],
        ),
        migrations.CreateModel(
            name='ProjectMembership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('access_level', models.PositiveSmallIntegerField(choices=[(10, 'guest'), (20, 'reporter'), (30, 'developer'), (40, 'maintainer'), (50, 'owner')])),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='ci_core.project')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='ProjectVariable',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=255)),
                ('value', models.TextField(blank=True)),
                ('variable_type', models.CharField(choices=[('env_var', 'env var'), ('file', 'file')], default='env_var', max_length=16)),
                ('environment_scope', models.CharField(default='*', max_length=255)),
                ('protected', models.BooleanField(default=False, help_text='Only for pipelines of protected refs.')),
                ('masked', models.BooleanField(default=False, help_text='Hidden in job logs.')),
                ('hidden', models.BooleanField(default=False, help_text='Never shown again, not even to maintainers.')),
                ('raw', models.BooleanField(default=False, help_text='References to other variables in it are not expanded.')),
                ('description', models.CharField(blank=True, max_length=255)),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='variables', to='ci_core.project')),
            ],
        ),
        migrations.CreateModel(
            name='RunnerRegistrationToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('created_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('project', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='ci_core.project')),
            ],
        ),
        migrations.CreateModel(
            name='RunningJob',
            fields=[
                ('job_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('pipeline_id', models.BigIntegerField()),
                ('deadline_at', models.DateTimeField()),
                ('heard_at', models.DateTimeField()),
                ('project', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='ci_core.project')),
                ('runner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='ci_core.runner')),
            ],
        ),
        CreatePartitionedModel(
            name='Trace',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('size', models.PositiveBigIntegerField(default=0, help_text='Bytes stored so far.')),
                ('checksum', models.PositiveBigIntegerField(default=0, help_text='CRC-32 of those bytes.')),
                ('updated_at', models.DateTimeField()),
                ('pipeline', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='traces', to='ci_core.pipeline')),
            ],
        ),
        CreatePartitionedModel(
            name='TraceChunk',
            fields=[
                ('id', models.BigIntegerField(db_default=models.Func(models.Value('ci_core_tracechunk_seq'), function='nextval'), primary_key=True, serialize=False)),
                ('job_id', models.BigIntegerField()),
                ('start', models.PositiveBigIntegerField(help_text='Offset of its first byte.')),
                ('data', models.BinaryField()),
                ('pipeline', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='trace_chunks', to='ci_core.pipeline')),
            ],
        ),
        CreatePartitionedModel(
            name='PipelineVariable',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=255)),
                ('value', models.TextField(blank=True)),
                ('variable_type', models.CharField(choices=[('env_var', 'env var'), ('file', 'file')], default='env_var', max_length=16)),
                ('raw', models.BooleanField(default=False)),
                ('pipeline', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='variables', to='ci_core.pipeline')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('variable_type__in', ['env_var', 'file'])), name='ci_pipeline_variable_type')],
            },
        ),
        migrations.AddField(
            model_name='project',
            name='members',
            field=models.ManyToManyField(related_name='projects', through='ci_core.ProjectMembership', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='pipeline',
            index=models.Index(fields=['project', '-id'], name='ci_pipeline_newest'),
        ),
        migrations.AddIndex(
            model_name='pipeline',
            index=models.Index(fields=['project', 'ref', '-id'], name='ci_pipeline_by_ref'),
        ),
        migrations.AddIndex(
            model_name='pipeline',
            index=models.Index(fields=['project', 'status', '-id'], name='ci_pipeline_by_status'),
        ),
        migrations.AddIndex(
            model_name='pipeline',
            index=models.Index(fields=['project', 'sha', '-id'], name='ci_pipeline_by_sha'),
        ),
        migrations.AddConstraint(
            model_name='pipeline',
            constraint=models.UniqueConstraint(fields=('project', 'iid'), name='ci_pipeline_iid_once'),
        ),
        migrations.AddConstraint(
            model_name='pipeline',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['created', 'waiting_for_resource', 'preparing', 'waiting_for_callback', 'pending', 'running', 'success', 'failed', 'canceling', 'canceled', 'skipped', 'manual', 'scheduled'])), name='ci_pipeline_status'),
        ),
        migrations.AddIndex(
            model_name='pendingjob',
            index=models.Index(fields=['project', 'job_id'], name='ci_pending_by_project'),
        ),
        migrations.AddConstraint(
            model_name='internalid',
            constraint=models.UniqueConstraint(fields=('project', 'usage'), name='ci_internal_id_once'),
        ),
        migrations.AddConstraint(
            model_name='environment',
            constraint=models.UniqueConstraint(fields=('project', 'name'), name='ci_environment_once'),
        ),
        migrations.AddConstraint(
            model_name='environment',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['available', 'stopped'])), name='ci_environment_state'),
        ),
        migrations.AddConstraint(
            model_name='environment',
            constraint=models.CheckConstraint(condition=models.Q(('tier__in', ['production', 'staging', 'testing', 'development', 'other'])), name='ci_environment_tier'),
        ),
        migrations.AddIndex(
            model_name='deployment',
            index=models.Index(fields=['environment', 'status', '-id'], name='ci_deployment_newest'),
        ),
        migrations.AddConstraint(
            model_name='deployment',
            constraint=models.UniqueConstraint(fields=('project', 'iid'), name='ci_deployment_iid_once'),
        ),
        migrations.AddConstraint(
            model_name='deployment',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['created', 'running', 'success', 'failed', 'canceled', 'skipped', 'blocked'])), name='ci_deployment_status'),
        ),
        migrations.AddIndex(
            model_name='artifact',
            index=models.Index(fields=['expire_at'], name='ci_artifact_expiry'),
        ),
        migrations.AddConstraint(
            model_name='projectmembership',
            constraint=models.UniqueConstraint(fields=('user', 'project'), name='ci_membership_once'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(('visibility__in', ['private', 'internal', 'public'])), name='ci_project_visibility'),
        ),
        migrations.AddConstraint(
            model_name='projectvariable',
            constraint=models.UniqueConstraint(fields=('project', 'key', 'environment_scope'), name='ci_project_variable_once'),
        ),
        migrations.AddConstraint(
            model_name='projectvariable',
            constraint=models.CheckConstraint(condition=models.Q(('variable_type__in', ['env_var', 'file'])), name='ci_project_variable_type'),
        ),
        migrations.AddConstraint(
            model_name='runner',
            constraint=models.CheckConstraint(condition=models.Q(('runner_type__in', ['instance_type', 'project_type'])), name='ci_runner_type'),
        ),
        migrations.AddConstraint(
            model_name='runner',
            constraint=models.CheckConstraint(condition=models.Q(('access_level__in', ['not_protected', 'ref_protected'])), name='ci_runner_access_level'),
        ),
        migrations.AddConstraint(
            model_name='runnermanager',
            constraint=models.UniqueConstraint(fields=('runner', 'system_id'), name='ci_runner_manager_once'),
        ),
        migrations.AddIndex(
            model_name='runningjob',
            index=models.Index(fields=['project'], name='ci_running_by_project'),
        ),
        migrations.AddIndex(
            model_name='runningjob',
            index=models.Index(fields=['deadline_at'], name='ci_running_by_deadline'),
        ),
        migrations.AddIndex(
            model_name='runningjob',
            index=models.Index(fields=['heard_at'], name='ci_running_by_silence'),
        ),
        migrations.AddConstraint(
            model_name='stage',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['created', 'waiting_for_resource', 'preparing', 'waiting_for_callback', 'pending', 'running', 'success', 'failed', 'canceling', 'canceled', 'skipped', 'manual', 'scheduled'])), name='ci_stage_status'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(fields=['project', '-id'], name='ci_job_by_project'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('runner__isnull', False)), fields=['runner', '-id'], name='ci_job_by_runner'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['created', 'waiting_for_resource', 'preparing', 'waiting_for_callback', 'pending', 'running', 'success', 'failed', 'canceling', 'canceled', 'skipped', 'manual', 'scheduled'])), name='ci_job_status'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('when__in', ['on_success', 'on_failure', 'always', 'manual', 'delayed', 'never'])), name='ci_job_when'),
        ),
        migrations.AddIndex(
            model_name='tracechunk',
            index=models.Index(fields=['pipeline', 'job_id', 'start'], name='ci_trace_chunk_order'),
        ),
        migrations.RunPython(create_first_partitions, migrations.RunPython.noop),
    ]

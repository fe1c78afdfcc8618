"""Owns the enums of artifacts, environments, runners and variables: GitLab's names, the domain's values."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry import enum_value


@strawberry.enum(description="What an artifact file is.")
class JobArtifactFileType(Enum):
    """What an artifact file is."""

    ACCESSIBILITY = enum_value("accessibility", description="Accessibility report.")
    ANNOTATIONS = enum_value("annotations", description="Links that the job adds to its page.")
    API_FUZZING = enum_value("api_fuzzing", description="API fuzzing report.")
    ARCHIVE = enum_value("archive", description="The files that `artifacts:paths` keeps.")
    BROWSER_PERFORMANCE = enum_value("browser_performance", description="Browser performance report.")
    CLUSTER_APPLICATIONS = enum_value("cluster_applications", description="Cluster applications report.")
    CLUSTER_IMAGE_SCANNING = enum_value(
        "cluster_image_scanning", description="Cluster image scanning report."
    )
    COBERTURA = enum_value("cobertura", description="Cobertura report.")
    CODEQUALITY = enum_value("codequality", description="Code quality report.")
    CONTAINER_SCANNING = enum_value("container_scanning", description="Container scanning report.")
    COVERAGE_FUZZING = enum_value("coverage_fuzzing", description="Coverage fuzzing report.")
    CYCLONEDX = enum_value("cyclonedx", description="CycloneDX report.")
    DAST = enum_value("dast", description="DAST report.")
    DEPENDENCY_SCANNING = enum_value("dependency_scanning", description="Dependency scanning report.")
    DOTENV = enum_value("dotenv", description="Variables for later jobs.")
    JACOCO = enum_value("jacoco", description="JaCoCo report.")
    JUNIT = enum_value("junit", description="JUnit report.")
    LICENSE_SCANNING = enum_value("license_scanning", description="License scanning report.")
    LOAD_PERFORMANCE = enum_value("load_performance", description="Load performance report.")
    LSIF = enum_value("lsif", description="LSIF code navigation index.")
    METADATA = enum_value("metadata", description="The list of the files in the archive.")
    METRICS = enum_value("metrics", description="Metrics report.")
    METRICS_REFEREE = enum_value("metrics_referee", description="Metrics referee report.")
    NETWORK_REFEREE = enum_value("network_referee", description="Network referee report.")
    PERFORMANCE = enum_value("performance", description="Performance report.")
    REPOSITORY_XRAY = enum_value("repository_xray", description="Repository X-Ray report.")
    REQUIREMENTS = enum_value("requirements", description="Requirements report.")
    REQUIREMENTS_V2 = enum_value("requirements_v2", description="Requirements report, version 2.")
    SAST = enum_value("sast", description="SAST report.")
    SECRET_DETECTION = enum_value("secret_detection", description="Secret detection report.")
    TERRAFORM = enum_value("terraform", description="Terraform plan report.")
    TRACE = enum_value("trace", description="The job's log.")


@strawberry.enum(description="Status of a deployment; follows its job.")
class DeploymentStatus(Enum):
    """Status of a deployment; follows its job."""

    BLOCKED = enum_value("blocked", description="Its job waits for somebody to start it.")
    CANCELED = enum_value("canceled", description="Was cancelled.")
    CREATED = enum_value("created", description="Has not begun.")
    FAILED = enum_value("failed", description="Has failed.")
    RUNNING = enum_value("running", description="Is under way.")
    SKIPPED = enum_value("skipped", description="Was left out.")
    SUCCESS = enum_value("success", description="Is done.")


@strawberry.enum(description="What an environment is for.")
class DeploymentTier(Enum):
    """What an environment is for."""

    DEVELOPMENT = enum_value("development", description="Development.")
    OTHER = enum_value("other", description="Something else.")
    PRODUCTION = enum_value("production", description="Production.")
    STAGING = enum_value("staging", description="Staging.")
    TESTING = enum_value("testing", description="Testing.")


@strawberry.enum(description="Direction of an order.")
class SortDirectionEnum(Enum):
    """Direction of an order."""

    ASC = enum_value("asc", description="Ascending.")
    DESC = enum_value("desc", description="Descending.")


@strawberry.enum(description="Whether a runner can be reached.")
class CiRunnerStatus(Enum):
    """Whether a runner can be reached."""

    NEVER_CONTACTED = enum_value("never_contacted", description="It has never called.")
    OFFLINE = enum_value("offline", description="It has not called for more than two hours.")
    ONLINE = enum_value("online", description="It called within the last two hours.")
    STALE = enum_value("stale", description="It has not called for more than seven days.")


@strawberry.enum(description="Whose jobs a runner takes.")
class CiRunnerType(Enum):
    """Whose jobs a runner takes."""

    GROUP_TYPE = enum_value("group_type", description="Those of a group's projects.")
    INSTANCE_TYPE = enum_value("instance_type", description="Those of every project.")
    PROJECT_TYPE = enum_value("project_type", description="Those of the projects it is assigned to.")


@strawberry.enum(description="Which refs' jobs a runner takes.")
class CiRunnerAccessLevel(Enum):
    """Which refs' jobs a runner takes."""

    NOT_PROTECTED = enum_value("not_protected", description="Those of all refs.")
    REF_PROTECTED = enum_value("ref_protected", description="Only those of protected refs.")


@strawberry.enum(description="Whether a runner has something to do.")
class CiRunnerJobExecutionStatus(Enum):
    """Whether a runner has something to do."""

    ACTIVE = enum_value("active", description="It runs at least one job.")
    IDLE = enum_value("idle", description="It runs no job.")


@strawberry.enum(description="How a runner came to be.")
class CiRunnerCreationMethod(Enum):
    """How a runner came to be."""

    AUTHENTICATED_USER = enum_value("authenticated_user", description="Somebody made it.")
    REGISTRATION_TOKEN = enum_value(
        "registration_token", description="It registered itself with a registration token."
    )


@strawberry.enum(description="How far the making of a runner has come.")
class CiRunnerCreationState(Enum):
    """How far the making of a runner has come."""

    STARTED = enum_value("started", description="It has been made, but has not called yet.")
    FINISHED = enum_value("finished", description="It has called.")


@strawberry.enum(description="How a job gets a variable.")
class CiVariableType(Enum):
    """How a job gets a variable."""

    ENV_VAR = enum_value("env_var", description="In its environment.")
    FILE = enum_value("file", description="As the path of a file that holds the value.")


@strawberry.enum(description="Order of variables.")
class CiVariableSort(Enum):
    """Order of variables."""

    KEY_ASC = enum_value("key_asc", description="By key, ascending.")
    KEY_DESC = enum_value("key_desc", description="By key, descending.")

"""Owns the enum of security reports: GitLab's names, the artifact types behind them."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry import enum_value


@strawberry.enum(description="A type of security report.")
class SecurityReportTypeEnum(Enum):
    """A type of security report."""

    API_FUZZING = enum_value("api_fuzzing", description="API fuzzing.")
    BREACH_AND_ATTACK_SIMULATION = enum_value(
        "breach_and_attack_simulation",
        description="Breach and attack simulation: no report is of this type.",
    )
    CLUSTER_IMAGE_SCANNING = enum_value("cluster_image_scanning", description="Cluster image scanning.")
    CONTAINER_SCANNING = enum_value("container_scanning", description="Container scanning.")
    COVERAGE_FUZZING = enum_value("coverage_fuzzing", description="Coverage fuzzing.")
    DAST = enum_value("dast", description="Dynamic application security testing.")
    DEPENDENCY_SCANNING = enum_value("dependency_scanning", description="Dependency scanning.")
    SAST = enum_value("sast", description="Static application security testing.")
    SAST_ADVANCED = enum_value(
        "sast_advanced",
        description="Advanced SAST: its reports are of the type SAST, so that this finds none.",
    )
    SAST_IAC = enum_value(
        "sast_iac",
        description="Infrastructure as code: its reports are of the type SAST, so that this finds none.",
    )
    SECRET_DETECTION = enum_value("secret_detection", description="Secret detection.")

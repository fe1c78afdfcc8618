"""The sample projects of a new installation."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from django.core.management import call_command

from ci_core import access, tokens
from ci_core.actions.samples import seed
from ci_core.models import Job, Pipeline, Project, Runner, User
from config.env import ROOT

pytestmark = pytest.mark.django_db

SOURCES = ROOT / "fixtures" / "repositories"


@pytest.fixture(autouse=True)
def home(settings: object, tmp_path: Path) -> Path:
    settings.PIPEYARD_HOME = tmp_path  # type: ignore[attr-defined]
    return tmp_path


def secret(home: Path, name: str) -> str:
    path = home / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text().strip()


def test_a_new_installation_has_samples_a_user_and_a_runner(home: Path) -> None:
    told = list(seed(SOURCES))
    assert set(Project.objects.values_list("full_path", flat=True)) == {
        "samples/web-shop",
        "samples/monorepo",
        "samples/broken",
        "samples/family",
    }
    user = User.objects.get(username="demo")
    assert user.check_password(secret(home, "demo-password"))
    principal = access.personal_token_principal(secret(home, "demo-token"))
    assert principal is not None
    assert principal.user == user
    assert principal.may_write
    assert Runner.objects.get().digest == tokens.digest(secret(home, "runner-token"))
    assert len(told) == 10


def test_seeding_again_changes_nothing(home: Path) -> None:
    list(seed(SOURCES))
    before = {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
    pipelines = Pipeline.objects.count()
    assert list(seed(SOURCES)) == []
    assert {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()} == before
    assert Pipeline.objects.count() == pipelines


def test_a_lost_secret_is_made_anew(home: Path) -> None:
    list(seed(SOURCES))
    for name in ("demo-password", "demo-token", "runner-token"):
        (home / name).unlink()
    assert len(list(seed(SOURCES))) == 3
    assert User.objects.get().check_password(secret(home, "demo-password"))
    assert Runner.objects.get().digest == tokens.digest(secret(home, "runner-token"))


def test_the_samples_are_what_they_say(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("seed")
    assert "pipeline #" in capsys.readouterr().out
    shop = Pipeline.objects.get(project__full_path="samples/web-shop")
    jobs = {job.name: job for job in Job.objects.in_pipeline(shop.pk)}
    assert shop.status == "pending"
    assert any(job.when == "manual" for job in jobs.values())
    assert any(job.scheduling_type == "dag" for job in jobs.values())
    assert any(job.environment_name for job in jobs.values())
    family = Pipeline.objects.get(project__full_path="samples/family")
    kinds = dict(Job.objects.in_pipeline(family.pk).values_list("name", "kind"))
    assert kinds == {"plan": "build", "checks": "bridge", "generated": "bridge", "report": "build"}
    broken = Pipeline.objects.get(project__full_path="samples/broken")
    assert broken.status == "failed"
    assert len(broken.config_errors) >= 8

"""Owns tests of artifacts and caches, through whole jobs."""

import gzip
import io
import zipfile

import pytest

from tests.unit.local_runner.fake_server import Reply


def zip_of(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def unzip(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def dependency(job_id: int) -> dict[str, object]:
    file = {"filename": "artifacts.zip", "size": 1}
    return {"id": job_id, "name": f"job-{job_id}", "token": f"job-token-{job_id}", "artifacts_file": file}


def test_archive_is_uploaded_in_chunks_with_its_arguments(bench, server):
    artifacts = [
        {"name": "out-$CI_JOB_NAME", "paths": ["dist", "*.txt"], "exclude": ["dist/**/*.tmp"],
         "expire_in": "1 week",
         "artifact_type": "archive", "artifact_format": "zip", "when": "on_success"},
        {"paths": ["dist"], "when": "on_failure"},
    ]  # fmt: skip

    record = bench.run(
        "mkdir -p dist/deep", "echo one > dist/deep/a", "echo no > dist/deep/a.tmp", "echo two > b.txt",
        env={"CI_JOB_NAME": "build"}, artifacts=artifacts,
    )  # fmt: skip

    assert record.final["state"] == "success"
    (upload,) = server.uploads
    assert upload.chunked
    assert upload.filename == "out-build.zip"
    assert upload.params == {"expire_in": "1 week", "artifact_type": "archive", "artifact_format": "zip"}
    assert unzip(upload.content) == {"dist/deep/a": "one\n", "b.txt": "two\n"}


def test_reports_are_gzipped_and_sent_after_a_failure_too(bench, server):
    report = {
        "name": "junit.xml",
        "paths": ["*.xml"],
        "artifact_type": "junit",
        "artifact_format": "gzip",
        "when": "always",
    }

    record = bench.run(
        "echo '<a/>' > one.xml", "echo '<b/>' > two.xml", "exit 1", artifacts=[{**report, "when": "always"}]
    )

    assert record.final["failure_reason"] == "script_failure"
    (upload,) = server.uploads
    assert (upload.filename, upload.params["artifact_type"]) == ("junit.xml.gz", "junit")
    assert gzip.decompress(upload.content) == b"<a/>\n<b/>\n"


def test_untracked_files_are_found_by_git(bench, server, repository):
    sha = repository.commit(tracked="x")

    bench.run("echo new > fresh", git_info=repository.git_info(sha), artifacts=[{"untracked": True}])

    assert unzip(server.uploads[0].content) == {"fresh": "new\n"}


def test_nothing_found_is_a_warning(bench, server):
    record = bench.run("true", artifacts=[{"paths": ["missing/", "../outside", "/etc/hostname"]}])

    assert record.final["state"] == "success"
    assert server.uploads == []
    assert record.text.count("no matching files") == 3
    assert "no files to upload" in record.text


@pytest.mark.parametrize(("status", "tries"), [(403, 1), (413, 1), (400, 3)])
def test_refused_upload_fails_the_job(bench, server, status, tries):
    asked = []
    server.on_artifacts = lambda method, job_id: (
        asked.append(method)
        or Reply(status, {"Content-Type": "application/json"}, b'{"message": "too much"}')
    )

    record = bench.run("touch a", artifacts=[{"paths": ["a"]}])

    assert record.final["failure_reason"] == "runner_system_failure"
    assert f"uploading artifacts (archive) failed: status {status} (too much)" in record.text
    assert len(asked) == tries


def test_busy_server_gets_the_same_body_again(bench, server):
    replies = [Reply(503), Reply(500)]
    server.on_artifacts = lambda method, job_id: replies.pop() if replies else None

    bench.run("echo x > a", artifacts=[{"paths": ["a"]}])

    assert unzip(server.uploads[0].content) == {"a": "x\n"}


def test_artifacts_of_dependencies_are_there(bench, server):
    server.archives = {11: zip_of(dist__a="from 11"), 12: zip_of(dist__b="from 12")}
    without = {**dependency(13), "artifacts_file": {"filename": "", "size": 0}}

    record = bench.run("cat dist/a dist/b", dependencies=[dependency(11), dependency(12), without])

    assert "from 11from 12" in record.text
    assert "job-token" not in record.text


def test_redirected_download_keeps_the_token_at_home(bench, server):
    server.archives = {11: zip_of(a="x"), 12: zip_of(a="there")}
    server.on_artifacts = lambda method, job_id: (
        Reply(302, {"Location": f"{server.url.replace('127.0.0.1', 'localhost')}/api/v4/jobs/99/artifacts"})
        if job_id == 11
        else Reply(200, {}, server.archives[12])
    )

    record = bench.run("cat a", dependencies=[dependency(11)])

    assert "there" in record.text
    assert server.artifact_tokens == ["job-token-11", ""]


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (None, "status 404"),
        (b"PK\x03\x04 but no zip", "cannot be read"),
        (b"\x28\xb5\x2f\xfd zstd", "not a zip archive"),
        (zip_of(**{"..__escaped": "x"}), "outside the project directory"),
        (zip_of(__escaped="x"), "outside the project directory"),
    ],
)
def test_bad_dependency_archives_fail_the_job(bench, server, archive, words):
    if archive is not None:
        server.archives[11] = archive

    record = bench.run("echo never", dependencies=[dependency(11)], after_script=["echo never"])

    assert record.final["failure_reason"] == "runner_system_failure"
    assert words in record.text
    assert "never" not in record.text
    assert not (bench.project_dir().parent / "escaped").exists()


def test_too_large_a_download_is_refused(bench, server):
    bench.changes = {"archive_limit_bytes": 100}
    server.archives[11] = zip_of(a="x" * 1000)

    record = bench.run("true", dependencies=[dependency(11)])

    assert "larger than 100 bytes" in record.text


def cached(bench, job_id, *script, **members):
    cache = {"key": "deps-$VERSION", "paths": ["vendor/"], **members}
    return bench.run(
        "rm -rf vendor/*.old; mkdir -p vendor", *script, job_id=job_id, cache=[cache], env={"VERSION": "1"}
    )


def wipe(bench):
    (bench.project_dir() / "vendor/lib").unlink(missing_ok=True)


def test_cache_comes_back(bench):
    assert "No cache for deps-1" in cached(bench, 1, "echo data > vendor/lib").text
    wipe(bench)

    assert "$ cat vendor/lib\x1b[0;m\ndata\n" in cached(bench, 2, "cat vendor/lib").text


@pytest.mark.parametrize("first", [{"policy": "pull"}, {"when": "on_failure"}])
def test_cache_is_not_stored_against_its_policy(bench, first):
    cached(bench, 1, "echo data > vendor/lib", **first)
    wipe(bench)

    assert "No cache for deps-1" in cached(bench, 2).text


def test_cache_falls_back_to_other_keys(bench):
    cached(bench, 1, "echo data > vendor/lib", key="main")
    wipe(bench)

    record = cached(bench, 2, "cat vendor/lib", key="branch", fallback_keys=["none", "main"], policy="pull")

    assert "Successfully extracted cache main" in record.text
    assert record.final["state"] == "success"


def test_cache_keys_cannot_leave_the_cache_directory(bench):
    for job_id, key in enumerate(("../../x", "..", "a/b", "k" * 300), start=1):
        cached(bench, job_id, "echo data > vendor/lib", key=key)

    archives = list(bench.work_dir.rglob("cache.zip"))
    assert len(archives) == 4
    assert {path.parent.parent for path in archives} == {bench.work_dir / "cache/project-7"}

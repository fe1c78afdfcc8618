"""Owns tests of unpacking hostile archives, and of what is packed."""

import os
import stat
import zipfile

import pytest

from local_runner.archive import Limits, pack_zip, unpack_zip
from local_runner.errors import ArchiveRefused

LIMITS = Limits(size=1000, entries=10)


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "project"
    path.mkdir()
    return path


@pytest.fixture
def make(tmp_path):
    """A zip of (name, content, mode) entries."""

    def build(*entries):
        path = tmp_path / "archive.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content, mode in entries:
                info = zipfile.ZipInfo(name)
                info.create_system = 3
                info.external_attr = mode << 16
                archive.writestr(info, content)
        return path

    return build


def unpack(path, root):
    return unpack_zip(path, root, LIMITS, lambda: None)


def file(name, content="x"):
    return (name, content, stat.S_IFREG | 0o644)


def link(name, target):
    return (name, target, stat.S_IFLNK | 0o777)


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "a/..", "..", "."])
def test_names_outside_are_refused_before_anything_is_written(make, root, name):
    with pytest.raises(ArchiveRefused, match="outside"):
        unpack(make(file("good"), file(name)), root)

    assert list(root.iterdir()) == []
    assert not (root.parent / "evil").exists()


@pytest.mark.parametrize("target", ["/etc", "../..", "a/../../..", "..", "/"])
def test_links_that_lead_out_are_refused(make, root, target):
    with pytest.raises(ArchiveRefused, match="leads out"):
        unpack(make(link("way", target)), root)

    assert not (root / "way").is_symlink()


def test_files_are_not_written_through_links_of_the_archive(make, root):
    with pytest.raises(ArchiveRefused):
        unpack(make(link("way", "/tmp"), file("way/evil")), root)

    assert not os.path.lexists("/tmp/evil")


def test_files_are_not_written_through_links_of_the_tree(make, root, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "way").symlink_to(outside)

    with pytest.raises(ArchiveRefused, match="leads out"):
        unpack(make(file("way/evil")), root)

    assert list(outside.iterdir()) == []


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(make, root, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("kept")
    (root / "name").symlink_to(outside)

    unpack(make(file("name", "new")), root)

    assert outside.read_text() == "kept"
    assert (root / "name").read_text() == "new"


def test_size_counts_what_comes_out_not_what_the_header_says(make, root):
    with pytest.raises(ArchiveRefused, match="allowed size"):
        unpack(make(file("a", "0" * 600), file("b", "0" * 600)), root)


def test_too_many_entries_are_refused(make, root):
    with pytest.raises(ArchiveRefused, match="entries"):
        unpack(make(*[file(f"f{number}") for number in range(11)]), root)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_special_files_are_refused(make, root, kind):
    with pytest.raises(ArchiveRefused, match="no file"):
        unpack(make(("odd", "", kind | 0o644)), root)


def test_special_bits_are_dropped(make, root):
    unpack(make(("tool", "x", stat.S_IFREG | 0o4755)), root)

    assert stat.S_IMODE((root / "tool").stat().st_mode) == 0o755


def test_damaged_archives_are_refused(make, root):
    path = make(file("a", "some text that is long enough"))
    data = bytearray(path.read_bytes())
    data[35:40] = b"\xff" * 5
    path.write_bytes(data)

    with pytest.raises(ArchiveRefused):
        unpack(path, root)


def test_round_trip_keeps_modes_and_links(root, tmp_path):
    (root / "bin").mkdir()
    (root / "bin/tool").write_text("run")
    (root / "bin/tool").chmod(0o755)
    (root / "link").symlink_to("bin/tool")
    packed, target = tmp_path / "packed.zip", tmp_path / "target"
    target.mkdir()

    assert pack_zip(root, ["bin/tool", "link"], packed, lambda: None) == 2
    assert unpack(packed, target) == 2

    assert (target / "link").readlink().as_posix() == "bin/tool"
    assert (target / "link").read_text() == "run"
    assert stat.S_IMODE((target / "bin/tool").stat().st_mode) == 0o755
    assert abs((target / "bin/tool").stat().st_mtime - (root / "bin/tool").stat().st_mtime) <= 2

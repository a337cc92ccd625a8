"""What a person meets before anything is installed: a missing Python, a busy port, a full disk."""

import socket
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from scripts import bootstrap, browser, lock
from scripts.bootstrap import SetupError
from scripts.demo import ADDRESS, choose_port

FIND_PYTHON = bootstrap.ROOT / "scripts" / "find-python.sh"


def fake_python(folder: Path, name: str, version: str, fits: bool) -> None:
    """A program that answers as a Python of that version does."""
    program = folder / name
    program.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = --version ] && echo "Python {version}" && exit 0\n'
        f"exit {int(not fits)}\n"
    )
    program.chmod(0o755)


def find_python(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script where the path holds this folder, and `head` and `sh` besides."""
    (folder / "head").symlink_to("/usr/bin/head")
    return subprocess.run(
        ["/bin/sh", str(FIND_PYTHON)],
        env={"PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_python_is_one_line(tmp_path: Path) -> None:
    found = find_python(tmp_path)
    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr.startswith("Python 3.11 to 3.14 is needed, none found.")
    assert found.stderr.count("\n") == 1


def test_an_old_python_is_one_line_that_names_it(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", "3.9.2", fits=False)
    found = find_python(tmp_path)
    assert found.returncode == 1
    assert "python3 is Python 3.9.2" in found.stderr
    assert found.stderr.count("\n") == 1


def test_a_newer_python_beside_an_old_one_is_taken(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", "3.9.2", fits=False)
    fake_python(tmp_path, "python3.12", "3.12.1", fits=True)
    assert find_python(tmp_path).stdout.strip() == str(tmp_path / "python3.12")


def test_a_named_python_is_the_only_one_tried(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", "3.12.1", fits=True)
    fake_python(tmp_path, "mine", "3.10.0", fits=False)
    found = find_python(tmp_path, PYTHON="mine")
    assert found.returncode == 1
    assert "mine is Python 3.10.0" in found.stderr


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_busy_port_gives_way_to_the_next_with_one_line(
    busy_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose_port(str(busy_port)) > busy_port
    said = capsys.readouterr().out
    assert said.startswith(f"Port {busy_port} is in use; taking ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "80a"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(SetupError, match=f"PORT={port}"):
        choose_port(port)


def test_a_full_disk_is_one_line() -> None:
    said = bootstrap.explain("ERROR: Could not install: [Errno 28] No space left on device")
    assert said == bootstrap.DISK_FULL
    assert bootstrap.one_line(OSError(28, "No space left on device")) == bootstrap.DISK_FULL


def test_too_little_space_stops_before_the_installation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV_NEEDS_GB", 1e9)
    with pytest.raises(SetupError, match="GB free"):
        bootstrap.check_space()


def test_requirements_are_installed_again_only_when_they_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("a==1")
    before = bootstrap.fingerprint(["requirements.txt"])
    assert bootstrap.fingerprint(["requirements.txt"]) == before
    requirements.write_text("a==2")
    assert bootstrap.fingerprint(["requirements.txt"]) != before


class FakePip:
    """An installation where PyTorch's own index can be reached or not."""

    def __init__(self, reachable: bool) -> None:
        self.reachable = reachable
        self.torch = ""
        self.asked: list[str] = []

    def run(self, arguments: Iterable[str]) -> str | None:
        words = [*arguments]
        own = bootstrap.TORCH_CPU_INDEX in words
        self.asked += ["own index" if own else "configured index"]
        if own and not self.reachable:
            return "ERROR: No matching distribution found for torch"
        self.torch = bootstrap.pinned("torch") + ("+cpu" if own else "")
        return None


@pytest.mark.parametrize(
    ("reachable", "asked"),
    [(True, ["own index"]), (False, ["own index", "configured index"])],
)
def test_torch_comes_from_its_own_index_where_that_can_be_reached(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reachable: bool,
    asked: list[str],
) -> None:
    fake = FakePip(reachable)
    monkeypatch.setattr(bootstrap, "run_pip", fake.run)
    monkeypatch.setattr(bootstrap, "torch_version", lambda: fake.torch)
    bootstrap.install_cpu_torch()
    assert fake.asked == asked
    assert ("CUDA" in capsys.readouterr().out) is not reachable

    bootstrap.install_cpu_torch()
    assert fake.asked == asked, "what is there is not installed again"


def test_pip_cannot_be_led_out_of_the_virtual_environment() -> None:
    kept = bootstrap.pip_environment({"PIP_TARGET": "/x", "PIP_USER": "1", "HOME": "/h"})
    assert "PIP_TARGET" not in kept
    assert (kept["PIP_USER"], kept["HOME"]) == ("0", "/h")


def test_the_lock_has_no_build_label_and_keeps_other_platforms() -> None:
    merged = lock.merge(
        "colorama==0.4.6\ntorch==2.12.0\n", "torch==2.13.0+cpu\nnvidia-nccl-cu13==2\n"
    )
    assert merged == lock.HEADER + "colorama==0.4.6\ntorch==2.13.0\n"


def test_every_direct_pin_is_in_the_constraints() -> None:
    def pins(name: str) -> set[str]:
        text = (bootstrap.ROOT / name).read_text().replace("[mcp]", "")
        return {
            f"{lock.name_of(line)}=={line.split('==')[1].split(';')[0]}"
            for line in lock.pinned(text)
        }

    assert pins("requirements.txt") | pins("requirements-dev.txt") <= pins("constraints.txt")


def test_a_browser_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    fake_python(tmp_path, "chrome", "no browser", fits=True)
    (tmp_path / "broken").write_text("")
    assert browser.runs(str(tmp_path / "chrome"))
    assert not browser.runs(str(tmp_path / "broken"))

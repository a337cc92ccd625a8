"""Make the virtual environment and install the pinned requirements, once.

Standard library only: it runs before anything is installed. It installs again only when a
requirements file changed. By itself: `python3 -m scripts.bootstrap [--dev]`.
"""

import errno
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOG = VENV / "install.log"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
VENV_NEEDS_GB = 3.2  # measured: 2.9 GB with CPU torch and the test tools
DOWNLOADS_NEED_GB = 1.0

RUNTIME = ("constraints.txt", "requirements.txt")
DEV = (*RUNTIME, "requirements-dev.txt")

DISK_FULL = "The disk is full. The installation needs 3.2 GB; free some and run this again."
# What pip says when it fails, and the one line a person needs.
PIP_FAILURES = {
    "No space left on device": DISK_FULL,
    "Errno 28": DISK_FULL,
    "No matching distribution": "A pinned package cannot be found. Is there a network, and is this "
    "one of the platforms that README.md names?",
    "Permission denied": "A file cannot be written. Does another user own .venv?",
}


class SetupError(Exception):
    """Something that the person at the keyboard can mend; its text is all they see."""


def say(line: str) -> None:
    print(line, flush=True)


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ready(dev: bool) -> Path:
    """The virtual environment's Python, with the requirements installed. Raises SetupError."""
    check_platform()
    if venv_runs() and (installed("dev", DEV) or (not dev and installed("runtime", RUNTIME))):
        return venv_python()
    check_space()
    make_venv()
    if sys.platform == "linux":
        install_cpu_torch()
    kind, files = ("dev", DEV) if dev else ("runtime", RUNTIME)
    say(f"Installing {files[-1]}, about two minutes the first time (log: .venv/install.log) ...")
    started = time.monotonic()
    pip("install", "--requirement", str(ROOT / files[-1]))
    stamp(kind).write_text(fingerprint(files))
    say(f"Installed in {time.monotonic() - started:.0f} s.")
    return venv_python()


def check_platform() -> None:
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        raise SetupError(
            "Intel Macs cannot run this: LanceDB and PyTorch no longer ship packages for them."
        )


def stamp(kind: str) -> Path:
    return VENV / f".installed-{kind}"


def fingerprint(files: Iterable[str]) -> str:
    """Changes when one of these files does."""
    contents = b"\0".join((ROOT / name).read_bytes() for name in files)
    return hashlib.sha256(contents).hexdigest()


def installed(kind: str, files: Iterable[str]) -> bool:
    try:
        return stamp(kind).read_text() == fingerprint(files)
    except FileNotFoundError:
        return False


def check_space() -> None:
    """A first installation that cannot fit stops before it starts."""
    if any(VENV.glob(".installed-*")):
        return
    for folder, needed in ((ROOT, VENV_NEEDS_GB), (Path(tempfile.gettempdir()), DOWNLOADS_NEED_GB)):
        free = shutil.disk_usage(folder).free / 1e9
        if free < needed:
            raise SetupError(
                f"The installation needs {needed:.1f} GB free in {folder}; there are {free:.1f} GB."
            )


def make_venv() -> None:
    if venv_runs():
        return
    say(f"Making the virtual environment .venv with Python {platform.python_version()} ...")
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        said = made.stdout + made.stderr
        if "ensurepip" in said:
            package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
            raise SetupError(
                f"This Python lacks venv. On Debian and Ubuntu: sudo apt-get install {package}"
            )
        raise SetupError(explain(said) or f"python -m venv failed: {last_line(said)}")


def venv_runs() -> bool:
    """False where .venv is missing, half made, or its Python was replaced by another."""
    has_pip = "import sys, importlib.util; sys.exit(importlib.util.find_spec('pip') is None)"
    try:
        return subprocess.run([str(venv_python()), "-c", has_pip], check=False).returncode == 0
    except OSError:
        return False


def install_cpu_torch() -> None:
    """Put the CPU build there first: the usual index's build for Linux brings gigabytes of CUDA."""
    wanted = pinned("torch")
    if torch_version().split("+")[0] == wanted:
        return
    say(f"Installing PyTorch {wanted}, the build for the CPU ...")
    # No dependencies: that index lacks their pinned versions, and the next step installs them.
    install = ["install", "--no-deps", f"torch=={wanted}"]
    quick = ["--index-url", TORCH_CPU_INDEX, "--retries", "0", "--timeout", "5"]
    if pip_succeeds(*install, *quick):
        return
    say("PyTorch's own index cannot be reached; taking torch from the configured index instead.")
    pip(*install)
    if "+cpu" not in torch_version():
        say("Note: that index offers the CUDA build only, which adds several GB.")


def pinned(package: str) -> str:
    found = re.search(
        rf"^{package}==([^\s;]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
    if not found:
        raise SetupError(f"requirements.txt does not pin {package}.")
    return found.group(1)


def torch_version() -> str:
    """Such as 2.13.0+cpu; empty where it is not installed."""
    ask = "from importlib.metadata import version; print(version('torch'))"
    asked = subprocess.run(
        [str(venv_python()), "-c", ask], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()


def pip(*arguments: str) -> None:
    """Run pip; raise SetupError with one clear line where it fails."""
    output = run_pip(arguments)
    if output is not None:
        raise SetupError(
            explain(output)
            or f"pip failed: {last_line(output)} (the whole of it is in .venv/install.log)"
        )


def pip_succeeds(*arguments: str) -> bool:
    return run_pip(arguments) is None


def run_pip(arguments: Iterable[str]) -> str | None:
    """None when all went well, else what pip said. In a terminal, one line shows where it is."""
    command = [str(venv_python()), "-m", "pip", *arguments, "--no-input", "--progress-bar", "off"]
    lines: list[str] = []
    with (
        LOG.open("a") as log,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            env=pip_environment(os.environ),
        ) as process,
    ):
        for line in process.stdout or ():
            log.write(line)
            lines.append(line)
            show_progress(line)
    clear_progress()
    return None if process.returncode == 0 else "".join(lines)


def pip_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The person's own, less what would install outside .venv."""
    outside = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX")
    kept = {name: value for name, value in environment.items() if name not in outside}
    return kept | {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def show_progress(line: str) -> None:
    if sys.stdout.isatty() and line.startswith(("Collecting", "  Downloading", "Installing")):
        print("\r\033[K  " + line.strip()[:70], end="", flush=True)


def clear_progress() -> None:
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)


def explain(output: str) -> str | None:
    return next((line for sign, line in PIP_FAILURES.items() if sign in output), None)


def last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no output"])[-1]


def one_line(error: Exception) -> str:
    """What a person is told of an error that a script lets through."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return DISK_FULL
    return str(error)


def main() -> int:
    try:
        ready(dev="--dev" in sys.argv[1:])
    except (SetupError, OSError) as error:
        print(one_line(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

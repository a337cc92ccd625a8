"""Install requirements.txt as it reads now and pin the outcome: `make lock`, after a pin changed.

Pins of packages that only other platforms install stay as they are.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.bootstrap import DEV, ROOT, SetupError, install_cpu_torch, pip, say, venv_python

CONSTRAINTS = ROOT / "constraints.txt"
HEADER = """\
# Every package that the requirements pull in, frozen from one working installation.
# `make lock` writes it.
"""
CUDA = ("nvidia-", "cuda-", "triton")  # come with one build of torch only, which pins them itself


def install_unconstrained() -> None:
    """The direct pins alone: the old constraints would forbid what a new pin needs."""
    lines = [
        line
        for name in DEV
        if name != CONSTRAINTS.name
        for line in (ROOT / name).read_text().splitlines()
        if not line.startswith(("-c", "-r"))
    ]
    install_cpu_torch()
    with tempfile.TemporaryDirectory() as folder:
        direct = Path(folder) / "direct.txt"
        direct.write_text("\n".join(lines))
        pip("install", "--requirement", str(direct))


def merge(before: str, frozen: str) -> str:
    """The new pins, and the old ones of packages that this platform did not install."""
    pins = {name_of(line): line for line in [*pinned(before), *pinned(frozen)]}
    kept = sorted(name for name in pins if not name.startswith(CUDA))
    return HEADER + "".join(f"{pins[name]}\n" for name in kept)


def pinned(text: str) -> list[str]:
    """`name==version` lines, without the build's local label such as +cpu."""
    return [line.split("+")[0] for line in text.splitlines() if re.match(r"[\w.-]+==", line)]


def name_of(line: str) -> str:
    return re.sub(r"[-_.]+", "-", line.split("==")[0]).lower()


def main() -> int:
    try:
        install_unconstrained()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    freeze = [str(venv_python()), "-m", "pip", "freeze"]
    frozen = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout
    CONSTRAINTS.write_text(merge(CONSTRAINTS.read_text(), frozen))
    say("constraints.txt written. Run make test, then commit it with the requirements.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Set up, find a browser, run pytest: `make test`. ARGS="-k clock" goes to pytest."""

import os
import sys

from scripts import bootstrap
from scripts.bootstrap import ROOT, SetupError
from scripts.browser import find_browser


def main() -> int:
    """Returns only where it fails: else the process becomes the program that it starts."""
    try:
        python = bootstrap.ready(dev=True)
        browser = find_browser(python)
    except (SetupError, OSError) as error:
        print(bootstrap.one_line(error), file=sys.stderr)
        return 1
    os.chdir(ROOT)
    os.environ["BROWSER_PATH"] = browser
    return os.execv(python, [str(python), "-m", "pytest", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())

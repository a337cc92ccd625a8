#!/bin/sh
# Prints the path of a Python that the pinned packages have wheels for (3.11 to 3.14), or one line why there is none.
# PYTHON=/path/to/python3.12 names one.
range='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))'
found=''
for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    path=$(command -v "$name" 2>/dev/null) || continue
    if "$path" -c "$range" >/dev/null 2>&1; then
        echo "$path"
        exit 0
    fi
    found="$found, $name is $("$path" --version 2>&1 | head -n 1)"
done
echo "Python 3.11 to 3.14 is needed${found:-, none found}. Install one, or name one: make demo PYTHON=/path/to/python3" >&2
exit 1

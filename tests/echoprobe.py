"""The whole program echoprobe; TAP.

Environment: ECHOPROBE, the probe; ECHOD, the daemon. Arguments: parts to run,
by default all."""

import importlib
import sys

from echoprobe_harness import Tests

PARTS = ["mistakes", "others", "roll", "options", "output"]


def main():
    tests = Tests()
    for part in sys.argv[1:] or PARTS:
        importlib.import_module(f"echoprobe_{part}").run(tests)
    print(f"1..{tests.count}")
    return 1 if tests.failed else 0


if __name__ == "__main__":
    sys.exit(main())

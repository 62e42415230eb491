"""A measurement in a process of its own, as the tests of the bench start it: tells the memory that it is given."""

import sys

from bench import record

if __name__ == "__main__":
    record.figure("landing.mb", float(sys.argv[1]))
    sys.exit(int(sys.argv[2]))

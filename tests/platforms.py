"""Marks for tests of what only some operating systems have."""

from __future__ import annotations

import os
import sys

import pytest

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs signals, forks and limits of POSIX")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="memory and folders are those of Linux")

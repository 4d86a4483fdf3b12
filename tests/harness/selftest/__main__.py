"""Runs the harness's own tests."""

import unittest

unittest.main(__package__)

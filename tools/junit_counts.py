"""Prints "passed failed skipped" of a JUnit report that ctest wrote."""
import sys
import xml.etree.ElementTree as ElementTree

suite = ElementTree.parse(sys.argv[1]).getroot()
total, failed, skipped, disabled = (
    int(suite.get(key, 0)) for key in ("tests", "failures", "skipped", "disabled"))
print(total - failed - skipped - disabled, failed, skipped + disabled)

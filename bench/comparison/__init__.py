"""The parts of bench/all: runtimes side by side. See docs/benchmarks.md."""

"""Benchmarks of sendmany against common alternatives and against the limit of the machine.

`python -m bench` runs every system in turns on the same embedded server, against the same provider, and
reports rates, CPU time, memory and delays. Linux only: it reads `/proc`.
"""

"""What sendmany costs, beside what people use today and beside what the machine allows.

`python -m bench` runs every system in turns on the same embedded server, against the same provider, and
tells rates, time on the CPU, memory and delays. Linux only: it reads `/proc`.
"""

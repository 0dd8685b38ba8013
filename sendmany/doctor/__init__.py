"""The checks behind `sendmany doctor`."""

"""Commands about people: suppressions and service windows."""

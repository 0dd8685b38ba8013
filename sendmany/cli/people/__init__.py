"""Commands about people: suppressions, service windows, data of one person."""

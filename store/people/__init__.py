"""What is held about single people: found, shown, erased, and what stays of those who are forgotten."""

"""The outcome stream: changes of messages, in the order in which they were written."""

"""Commands that run a process: worker, web, receiver, sandbox, up, demo."""

"""The sweep: due retries, in-doubt batches, expired leases, retention."""

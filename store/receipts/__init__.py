"""Receipts: the inbox, status updates of records, batches that receipts name."""

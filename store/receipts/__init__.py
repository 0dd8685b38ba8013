"""Receipts: the inbox, status updates of records, receipts of batches."""

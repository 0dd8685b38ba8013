"""Delivery of one batch: eligibility, request, settlement."""

"""Routes of campaigns: drafts, launch, status, recipients again, exports."""

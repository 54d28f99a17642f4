"""The audit: log, records, locks and index held against each other, and mended where a second store has good bytes."""

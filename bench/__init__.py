"""Measures whether the archive's figures hold: ratios of two things done in turn in one run, never bare times."""

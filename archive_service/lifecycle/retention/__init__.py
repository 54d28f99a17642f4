"""Retention of records: schedules adopted, events told, holds placed, and each record decided on and locked by them."""

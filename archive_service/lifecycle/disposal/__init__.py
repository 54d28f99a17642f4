"""Disposal: what is due is proposed, decided by people, carried out record by record, and certified."""

"""What proves one record: the receipt, what is kept beside it, and everything in one package."""

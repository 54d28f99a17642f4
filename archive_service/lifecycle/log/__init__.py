"""The log: sealed, published, followed, cosigned; and what brings a register that was restored up to it."""

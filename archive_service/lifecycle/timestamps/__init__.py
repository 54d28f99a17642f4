"""Time-stamps: asked for, made into evidence records, renewed, and kept where they outlive the register."""

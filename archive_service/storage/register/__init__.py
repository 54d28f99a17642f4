"""The register on SQLAlchemy Core: SQLite for one machine, PostgreSQL beyond; one schema, one set of migrations."""

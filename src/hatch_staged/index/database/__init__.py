"""The index's database: tables, transactions, and one module of row access for each table.

The only importer of SQLAlchemy and alembic.  What comes out are the values of `hatch_staged.index.records`.
"""

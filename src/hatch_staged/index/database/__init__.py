"""The index's database: tables, transactions, and one module of row access for each table.

Statements that uploads make again and again are built once: to build one takes SQLAlchemy several times as long as
everything else about it.

The only importer of SQLAlchemy and alembic.  What comes out are the values of `hatch_staged.index.records`.
"""

"""Reverse ETL: what the lake has worked out goes back into the record, as columns of customers.

The flag is the analysts' product, not a customer's fact: no context document says it.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, select, update

from pipeline import schema
from pipeline.schema import Database


def flag_at_risk(database: Database, at_risk: Collection[str], as_of: str) -> None:
    """Make `customers.at_risk` true for exactly these customers, in one transaction.

    `at_risk_as_of` becomes `as_of` (airline time, RFC 3339) for whoever is or was flagged;
    customers that never were are not touched.
    """
    customers = schema.customers.c
    change = (
        update(schema.customers)
        .where(customers.customer_id == bindparam("customer"))
        .values(at_risk=bindparam("flag"), at_risk_as_of=as_of)
    )
    with database.write() as connection:
        flagged = connection.execute(select(customers.customer_id).where(customers.at_risk))
        changes = [
            {"customer": customer, "flag": customer in at_risk}
            for customer in {*flagged.scalars(), *at_risk}
        ]
        if changes:
            connection.execute(change, changes)

-- Gold: the customer context. One row an entity that changed in this run, whatever its kind.
--
-- in:  silver_<kind>    this run's typed tables
-- out: gold/customer_context/run=<id>.parquet
--      kind, key         the entity; kind/key is the id of its context document
--      customer_id       whose it is; NULL is public (flights, policies)
--      headline          what a person would read first in a report
--      version           outbox sequence of the newest event in it
--      occurred_at       that event's airline time, RFC 3339 UTC
--      recorded_at       when the record took it: wall clock, seconds since the epoch
--      row               the entity as one JSON object: what pipeline/documents.py writes from

CREATE OR REPLACE TEMP TABLE gold_customer_context AS
SELECT
    kind, key, customer_id, headline, version,
    event_time AS occurred_at, recorded_at, image AS row
FROM (
    SELECT 'customer' AS kind, *, concat_ws(' ', name, tier) AS headline FROM silver_customer
    UNION ALL BY NAME
    SELECT 'flight' AS kind, *, concat_ws(' ', flight_number, status) AS headline FROM silver_flight
    UNION ALL BY NAME
    SELECT 'booking' AS kind, *, concat_ws(' ', locator, status) AS headline FROM silver_booking
    UNION ALL BY NAME
    SELECT 'bag' AS kind, *, concat_ws(' ', tag, status, location) AS headline FROM silver_bag
    UNION ALL BY NAME
    SELECT 'interaction' AS kind, * EXCLUDE (occurred_at), concat_ws(' ', direction, channel)
        AS headline FROM silver_interaction
    UNION ALL BY NAME
    SELECT 'payment' AS kind, * EXCLUDE (occurred_at), concat_ws(' ', payment_type, amount, currency)
        AS headline FROM silver_payment
    UNION ALL BY NAME
    SELECT 'policy' AS kind, *, title AS headline FROM silver_policy
)
ORDER BY version, kind, key;

COPY gold_customer_context
TO (getvariable('lake') || '/gold/customer_context/' || getvariable('run_file'))
(FORMAT parquet, COMPRESSION zstd);

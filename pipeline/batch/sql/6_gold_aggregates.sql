-- Gold for reports: counts and sums by window, as pipeline/measures.py defines them for all.
--
-- in:  flights, interactions, payments   the views of views.sql: everything extracted so far
--      is_complaint(direction, text)     the very function that the stream calls
-- out: gold/aggregates/run=<id>.parquet  and, at the swap, the batch arm's rows of `aggregates`
--      name            flights_cancelled, flights_delayed, complaints, refunds, refunded
--      key             route, channel or currency
--      window_start    RFC 3339 UTC: five airline minutes; a flight counts at its day's 00:00
--      value           how many; for `refunded` how much
--      version         outbox sequence of the newest event in it; 0 is the full load

CREATE OR REPLACE TEMP TABLE gold_aggregates AS
WITH counted AS (
    SELECT
        CASE WHEN status = 'cancelled' THEN 'flights_cancelled' ELSE 'flights_delayed' END AS name,
        origin || '-' || destination AS key,
        CAST(date AS TIMESTAMP) AS counted_at,
        1.0 AS number,
        version
    FROM flights
    WHERE status = 'cancelled' OR departure >= scheduled_departure + INTERVAL 15 MINUTE
    UNION ALL BY NAME
    SELECT 'complaints' AS name, channel AS key, occurred_at AS counted_at, 1.0 AS number, version
    FROM interactions
    WHERE is_complaint(direction, text)
    UNION ALL BY NAME
    SELECT
        unnest(['refunds', 'refunded']) AS name,
        currency AS key,
        occurred_at AS counted_at,
        unnest([1.0, amount]) AS number,
        version
    FROM payments
    WHERE payment_type = 'refunded'
)

SELECT
    name,
    key,
    strftime(time_bucket(INTERVAL 5 MINUTE, counted_at), '%Y-%m-%dT%H:%M:%S.000Z') AS window_start,
    round(sum(CAST(number AS DOUBLE)), 2) AS value,
    max(version) AS version
FROM counted
GROUP BY ALL
ORDER BY name, window_start, key;

COPY gold_aggregates TO (getvariable('lake') || '/gold/aggregates/' || getvariable('run_file'))
(FORMAT parquet, COMPRESSION zstd);

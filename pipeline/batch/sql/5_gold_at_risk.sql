-- Gold for reverse ETL: customers whom the airline is about to lose, by its own books.
--
-- in:  interactions, flights, bookings   the views of views.sql: everything extracted so far
--      $airline_now                      airline time of the extract, UTC
-- out: gold/at_risk/run=<id>.parquet     run_id, as_of, customer_id, contacts, stranded_on, reason
--
-- At risk: contacted the airline twice or more in the last airline day, or still holds a seat on a
-- flight that was cancelled in it. Whoever was rebooked holds a seat on another flight by now.

CREATE OR REPLACE TEMP TABLE gold_at_risk AS
WITH last_day AS (
    SELECT
        CAST(getvariable('airline_now') AS TIMESTAMP) - INTERVAL 1 DAY AS begins,
        CAST(getvariable('airline_now') AS TIMESTAMP) AS ends
),

contacts AS (
    SELECT customer_id, count(*) AS contacts
    FROM interactions, last_day
    WHERE direction = 'inbound' AND occurred_at > begins AND occurred_at <= ends
    GROUP BY customer_id
),

cancelled AS (
    SELECT flight_number, date
    FROM flights, last_day
    WHERE status = 'cancelled' AND status_changed_at > begins AND status_changed_at <= ends
),

seats AS (
    SELECT customer_id, unnest(segments) AS seat
    FROM bookings
    WHERE status <> 'cancelled'
),

stranded AS (
    SELECT
        customer_id,
        list(DISTINCT flight_number || '/' || date ORDER BY flight_number || '/' || date)
            AS stranded_on
    FROM seats
    JOIN cancelled
        ON seat.flight_number = cancelled.flight_number AND seat.date = cancelled.date
    GROUP BY customer_id
)

SELECT
    CAST(getvariable('run_id') AS BIGINT) AS run_id,
    CAST(getvariable('airline_now') AS TIMESTAMP) AS as_of,
    customer_id,
    coalesce(contacts, 0) AS contacts,
    coalesce(stranded_on, []) AS stranded_on,
    concat_ws(
        '; ',
        CASE WHEN contacts >= 2 THEN contacts || ' contacts in a day' END,
        CASE WHEN stranded_on IS NOT NULL
            THEN 'not rebooked from ' || array_to_string(stranded_on, ', ') END
    ) AS reason
FROM contacts
FULL JOIN stranded USING (customer_id)
WHERE contacts >= 2 OR stranded_on IS NOT NULL
ORDER BY customer_id;

COPY gold_at_risk TO (getvariable('lake') || '/gold/at_risk/' || getvariable('run_file'))
(FORMAT parquet, COMPRESSION zstd);

-- Silver, first half: bronze is read for the first time, and here garbage is found.
--
-- in:  bronze/*/run=<id>.parquet     this run's files
--      contract_breach(body)         the event contract of pipeline/events.py, the very function
--                                    that the stream calls; NULL when the body meets it
--      breach                        an item that meets it and that the record still refused
-- out: silver/rejects/run=<id>.parquet   sequence, source, breach, reason, body (verbatim), …
--      silver/events/run=<id>.parquet    one typed row an event
--      outcomes                          sequence, outcome: what became of each outbox row

CREATE OR REPLACE TEMP TABLE checked AS
SELECT * EXCLUDE (breach), coalesce(contract_breach(body), breach) AS reason
FROM read_parquet(getvariable('bronze_files'));

-- Rejects are kept, with the reason and the bytes: a partner's bad feed is mended by showing them
-- what they sent. `breach` is the coarse class for counting, `reason` names the field.
CREATE OR REPLACE TEMP TABLE silver_rejects AS
SELECT
    sequence,
    source,
    CASE
        WHEN body_text IS NULL THEN 'not UTF-8'
        WHEN NOT json_valid(body_text) THEN 'not JSON'
        WHEN json_type(TRY_CAST(body_text AS JSON)) <> 'OBJECT' THEN 'not an object'
        ELSE 'breaks the contract'
    END AS breach,
    reason,
    body,
    TRY_CAST(occurred_at AS TIMESTAMP) AS received_at,
    recorded_at
FROM (SELECT *, TRY(decode(body)) AS body_text FROM checked WHERE reason IS NOT NULL)
ORDER BY sequence;

-- An extract may bring an event twice (a source system repeats itself, a run starts over): the
-- event's id decides, the first one stays. Times are UTC.
CREATE OR REPLACE TEMP TABLE silver_events AS
SELECT
    sequence,
    event_id,
    source,
    type,
    subject,
    customer_id,
    TRY_CAST(occurred_at AS TIMESTAMP) AS occurred_at,
    CAST(decode(body) AS JSON) AS event,
    CAST(after AS JSON[]) AS after,
    recorded_at
FROM checked
WHERE reason IS NULL
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY sequence) = 1
ORDER BY sequence;

-- An event without an image changed nothing: it came late, and the record knew better already.
CREATE OR REPLACE TEMP TABLE outcomes AS
SELECT
    checked.sequence,
    CASE
        WHEN checked.reason IS NOT NULL THEN 'dead_letter'
        WHEN len(silver_events.after) > 0 THEN 'searchable'
        ELSE 'unchanged'
    END AS outcome
FROM checked
LEFT JOIN silver_events USING (sequence)
ORDER BY checked.sequence;

COPY silver_rejects TO (getvariable('lake') || '/silver/rejects/' || getvariable('run_file'))
(FORMAT parquet, COMPRESSION zstd);
COPY silver_events TO (getvariable('lake') || '/silver/events/' || getvariable('run_file'))
(FORMAT parquet, COMPRESSION zstd);

-- images: the newest image of each entity in this run. In between it may have changed many times;
-- nobody will ever ask this arm what it was then.
CREATE OR REPLACE TEMP TABLE images AS
SELECT
    image ->> 'kind' AS kind,
    image ->> 'key' AS key,
    image -> 'row' AS image,
    sequence AS version,
    event ->> 'time' AS event_time,
    recorded_at
FROM (SELECT sequence, event, recorded_at, unnest(after) AS image FROM silver_events)
QUALIFY row_number() OVER (PARTITION BY kind, key ORDER BY sequence DESC) = 1;

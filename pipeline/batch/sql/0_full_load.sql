-- The full load: before the first run of an epoch, the record as it stands. After this one, runs
-- are incremental. Both stores hold the world from the start, so nothing of it is embedded here.
--
-- in:  record           every entity: kind, key, image (JSON text)
-- out: bronze/record/run=0.parquet
--      images           as 2_silver_events.sql makes them, version 0
--      one empty file in each folder that has nothing yet, so that views.sql always finds one

COPY record TO (getvariable('bronze_file')) (FORMAT parquet, COMPRESSION zstd);

CREATE OR REPLACE TEMP TABLE images AS
SELECT
    kind,
    key,
    CAST(image AS JSON) AS image,
    CAST(0 AS BIGINT) AS version,
    CAST(NULL AS VARCHAR) AS event_time,
    CAST(NULL AS DOUBLE) AS recorded_at
FROM record;

COPY (
    SELECT
        CAST(NULL AS BIGINT) AS run_id,
        CAST(NULL AS TIMESTAMP) AS as_of,
        CAST(NULL AS VARCHAR) AS customer_id,
        CAST(NULL AS BIGINT) AS contacts,
        CAST(NULL AS VARCHAR[]) AS stranded_on,
        CAST(NULL AS VARCHAR) AS reason
    LIMIT 0
) TO (getvariable('lake') || '/gold/at_risk/' || getvariable('run_file')) (FORMAT parquet);

COPY (
    SELECT
        CAST(NULL AS BIGINT) AS sequence,
        CAST(NULL AS VARCHAR) AS source,
        CAST(NULL AS VARCHAR) AS breach,
        CAST(NULL AS VARCHAR) AS reason,
        CAST(NULL AS BLOB) AS body,
        CAST(NULL AS TIMESTAMP) AS received_at,
        CAST(NULL AS DOUBLE) AS recorded_at
    LIMIT 0
) TO (getvariable('lake') || '/silver/rejects/' || getvariable('run_file')) (FORMAT parquet);

COPY (
    SELECT
        CAST(NULL AS BIGINT) AS sequence,
        CAST(NULL AS VARCHAR) AS event_id,
        CAST(NULL AS VARCHAR) AS source,
        CAST(NULL AS VARCHAR) AS type,
        CAST(NULL AS VARCHAR) AS subject,
        CAST(NULL AS VARCHAR) AS customer_id,
        CAST(NULL AS TIMESTAMP) AS occurred_at,
        CAST(NULL AS JSON) AS event,
        CAST(NULL AS JSON[]) AS after,
        CAST(NULL AS DOUBLE) AS recorded_at
    LIMIT 0
) TO (getvariable('lake') || '/silver/events/' || getvariable('run_file')) (FORMAT parquet);

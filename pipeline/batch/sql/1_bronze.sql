-- Bronze: what one source system sent, exactly as it came. Nothing is parsed, so nothing can fail.
--
-- in:  extract          outbox rows that this run took
--      $source          one source system, such as /flight-ops
-- out: bronze/<source system>/run=<id>.parquet
--      sequence, event_id, source, type, subject, customer_id, occurred_at (text),
--      body (bytes, verbatim), breach (what the door said of a raw item), before and after (JSON text: images of the entity), recorded_at

COPY (
    SELECT *
    FROM extract
    WHERE source = getvariable('source')
    ORDER BY sequence
) TO (getvariable('bronze_file')) (FORMAT parquet, COMPRESSION zstd);

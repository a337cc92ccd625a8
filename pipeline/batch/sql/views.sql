-- The lake as tables, for whoever asks it in SQL: newest version of each entity over all runs.
--
-- in:  $lake            folder of one epoch of the lake, such as .airline/lake/epoch=1
-- out: views            customers, flights, bookings, bags, interactions, payments, policies,
--                       customer_context, events, rejects, at_risk
--
-- By hand:  SET VARIABLE lake = '.airline/lake/epoch=1'; then this file, then
--           SELECT status, count(*) FROM flights GROUP BY ALL;
--
-- Run 0 is the first full load, so that none of the folders is ever empty. A run that died leaves
-- files behind until the next one removes them; the newest version of an entity is the same one.

CREATE OR REPLACE TEMP MACRO newest_of(folder) AS TABLE
SELECT *
FROM read_parquet(getvariable('lake') || '/silver/' || folder || '/run=*.parquet', union_by_name := true)
QUALIFY row_number() OVER (PARTITION BY key ORDER BY version DESC) = 1;

CREATE OR REPLACE TEMP VIEW customers AS FROM newest_of('customer');
CREATE OR REPLACE TEMP VIEW flights AS FROM newest_of('flight');
CREATE OR REPLACE TEMP VIEW bookings AS FROM newest_of('booking');
CREATE OR REPLACE TEMP VIEW bags AS FROM newest_of('bag');
CREATE OR REPLACE TEMP VIEW interactions AS FROM newest_of('interaction');
CREATE OR REPLACE TEMP VIEW payments AS FROM newest_of('payment');
CREATE OR REPLACE TEMP VIEW policies AS FROM newest_of('policy');

CREATE OR REPLACE TEMP VIEW customer_context AS
SELECT *
FROM read_parquet(getvariable('lake') || '/gold/customer_context/run=*.parquet')
QUALIFY row_number() OVER (PARTITION BY kind, key ORDER BY version DESC) = 1;

CREATE OR REPLACE TEMP VIEW events AS
SELECT *
FROM read_parquet(getvariable('lake') || '/silver/events/run=*.parquet')
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY sequence) = 1;

CREATE OR REPLACE TEMP VIEW rejects AS
SELECT *
FROM read_parquet(getvariable('lake') || '/silver/rejects/run=*.parquet')
QUALIFY row_number() OVER (PARTITION BY sequence) = 1;

-- The verdicts of all runs: an analyst sees whom the airline worried about, and since when.
CREATE OR REPLACE TEMP VIEW at_risk AS
SELECT *
FROM read_parquet(getvariable('lake') || '/gold/at_risk/run=*.parquet')
ORDER BY run_id, customer_id;

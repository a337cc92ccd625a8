-- Silver, second half: one typed table a kind of entity, one row an entity.
--
-- in:  images           kind, key, image (JSON), version (outbox sequence), event_time, recorded_at
-- out: silver/<kind>/run=<id>.parquet
--      key, version, event_time, recorded_at, image (unabridged, so that a column that is new in
--      the record goes all the way before anybody has typed it here), then the typed columns.
--      Times are UTC; a value that does not fit its type is NULL here and whole in `image`.

CREATE OR REPLACE TEMP TABLE silver_customer AS
SELECT key, version, event_time, recorded_at, image, unnest(from_json(image, '{
    "customer_id": "VARCHAR", "name": "VARCHAR", "email": "VARCHAR", "phone": "VARCHAR",
    "tier": "VARCHAR", "changed_at": "TIMESTAMP"
}'))
FROM images WHERE kind = 'customer' ORDER BY key;

CREATE OR REPLACE TEMP TABLE silver_flight AS
SELECT key, version, event_time, recorded_at, image, unnest(from_json(image, '{
    "flight_number": "VARCHAR", "date": "DATE", "origin": "VARCHAR", "destination": "VARCHAR",
    "scheduled_departure": "TIMESTAMP", "scheduled_arrival": "TIMESTAMP",
    "departure": "TIMESTAMP", "arrival": "TIMESTAMP", "status": "VARCHAR", "reason": "VARCHAR",
    "gate": "VARCHAR", "status_changed_at": "TIMESTAMP", "gate_changed_at": "TIMESTAMP"
}'))
FROM images WHERE kind = 'flight' ORDER BY key;

CREATE OR REPLACE TEMP TABLE silver_booking AS
SELECT key, version, event_time, recorded_at, image, unnest(from_json(image, '{
    "locator": "VARCHAR", "customer_id": "VARCHAR", "cabin": "VARCHAR", "insurance": "BOOLEAN",
    "created_at": "TIMESTAMP", "status": "VARCHAR", "reason": "VARCHAR", "changed_at": "TIMESTAMP",
    "segments": [{"segment": "INTEGER", "flight_number": "VARCHAR", "date": "DATE",
                  "seat": "VARCHAR"}],
    "passengers": [{"position": "INTEGER", "name": "VARCHAR"}]
}'))
FROM images WHERE kind = 'booking' ORDER BY key;

CREATE OR REPLACE TEMP TABLE silver_bag AS
SELECT key, version, event_time, recorded_at, image, unnest(from_json(image, '{
    "tag": "VARCHAR", "locator": "VARCHAR", "customer_id": "VARCHAR", "status": "VARCHAR",
    "location": "VARCHAR", "flight_number": "VARCHAR", "changed_at": "TIMESTAMP"
}'))
FROM images WHERE kind = 'bag' ORDER BY key;

CREATE OR REPLACE TEMP TABLE silver_interaction AS
SELECT key, version, event_time, recorded_at, image, unnest(from_json(image, '{
    "interaction_id": "VARCHAR", "customer_id": "VARCHAR", "channel": "VARCHAR",
    "direction": "VARCHAR", "text": "VARCHAR", "handled_by": "VARCHAR", "occurred_at": "TIMESTAMP"
}'))
FROM images WHERE kind = 'interaction' ORDER BY key;

CREATE OR REPLACE TEMP TABLE silver_payment AS
SELECT key, version, event_time, recorded_at, image, unnest(from_json(image, '{
    "payment_id": "VARCHAR", "customer_id": "VARCHAR", "locator": "VARCHAR",
    "payment_type": "VARCHAR", "amount": "DOUBLE", "currency": "VARCHAR", "occurred_at": "TIMESTAMP"
}'))
FROM images WHERE kind = 'payment' ORDER BY key;

CREATE OR REPLACE TEMP TABLE silver_policy AS
SELECT key, version, event_time, recorded_at, image, unnest(from_json(image, '{
    "slug": "VARCHAR", "title": "VARCHAR", "text": "VARCHAR", "changed_at": "TIMESTAMP"
}'))
FROM images WHERE kind = 'policy' ORDER BY key;

COPY silver_customer TO (getvariable('lake') || '/silver/customer/' || getvariable('run_file'))
(FORMAT parquet, COMPRESSION zstd);
COPY silver_flight TO (getvariable('lake') || '/silver/flight/' || getvariable('run_file'))
(FORMAT parquet, COMPRESSION zstd);
COPY silver_booking TO (getvariable('lake') || '/silver/booking/' || getvariable('run_file'))
(FORMAT parquet, COMPRESSION zstd);
COPY silver_bag TO (getvariable('lake') || '/silver/bag/' || getvariable('run_file'))
(FORMAT parquet, COMPRESSION zstd);
COPY silver_interaction TO (getvariable('lake') || '/silver/interaction/' || getvariable('run_file'))
(FORMAT parquet, COMPRESSION zstd);
COPY silver_payment TO (getvariable('lake') || '/silver/payment/' || getvariable('run_file'))
(FORMAT parquet, COMPRESSION zstd);
COPY silver_policy TO (getvariable('lake') || '/silver/policy/' || getvariable('run_file'))
(FORMAT parquet, COMPRESSION zstd);

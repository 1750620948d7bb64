-- What pping -F jsonl writes, line by line as it is: FORMAT JSONEachRow. Fields that a record
-- does not have are NULL. Each statement works from version 18.16 on, which is what Debian 12 has.
CREATE TABLE pping
(
    timestamp       Int64,              -- ns since 1970
    time            DateTime ALIAS toDateTime(intDiv(timestamp, 1000000000)),
    src_ip          Nullable(String),   -- addresses may be anonymised: no IPv4, no IPv6
    src_port        Nullable(UInt16),
    dest_ip         Nullable(String),
    dest_port       Nullable(UInt16),
    protocol        Nullable(String),
    rtt             Nullable(UInt64),   -- ns: the record is an RTT
    min_rtt         Nullable(UInt64),
    sent_packets    Nullable(UInt64),   -- --counters
    sent_bytes      Nullable(UInt64),
    rec_packets     Nullable(UInt64),
    rec_bytes       Nullable(UInt64),
    match_on_egress Nullable(UInt8),
    flow_event      Nullable(String),   -- the record is the opening or closing of a flow
    reason          Nullable(String),
    triggered_by    Nullable(String),
    duration        Nullable(UInt64),   -- ns; of a closing, with --counters
    rtts            Nullable(UInt64),
    lost_events     Nullable(UInt64),   -- the record tells of a loss
    interface       Nullable(String),   -- of several -i
    ip_version      Nullable(UInt8),    -- these four: --fields, --anonymize
    flow_id         Nullable(String),
    src_scope       Nullable(String),
    dest_scope      Nullable(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(toDateTime(intDiv(timestamp, 1000000000)))
ORDER BY timestamp;

-- What pping -F jsonl writes, as it is; .zst and .gz too. Fields that a record does not have are NULL,
-- and records about the run have neither rtt nor flow_event nor lost_events.
CREATE VIEW pping AS
SELECT make_timestamp_ns(timestamp) AS time, *
FROM read_json('rtts*.jsonl*', format = 'newline_delimited', columns = {
    timestamp: 'BIGINT',
    src_ip: 'VARCHAR', src_port: 'USMALLINT', dest_ip: 'VARCHAR', dest_port: 'USMALLINT', protocol: 'VARCHAR',
    rtt: 'UBIGINT', min_rtt: 'UBIGINT',
    sent_packets: 'UBIGINT', sent_bytes: 'UBIGINT', rec_packets: 'UBIGINT', rec_bytes: 'UBIGINT',
    match_on_egress: 'BOOLEAN',
    flow_event: 'VARCHAR', reason: 'VARCHAR', triggered_by: 'VARCHAR', duration: 'UBIGINT', rtts: 'UBIGINT',
    lost_events: 'UBIGINT', interface: 'VARCHAR',
    ip_version: 'UTINYINT', flow_id: 'VARCHAR', src_scope: 'VARCHAR', dest_scope: 'VARCHAR'});

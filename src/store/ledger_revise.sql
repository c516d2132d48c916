-- A record's next revision; its first where it has none.
INSERT INTO worker.ledger
    (group_id, topic, partition, record_offset, revision, subject, outcome, reason, baggage, trace_id, span_id,
     trace_flags, detail, announcement)
SELECT $1, $2, partition, record_offset,
       coalesce(
           (SELECT max(revision) + 1
            FROM worker.ledger AS earlier
            WHERE earlier.group_id = $1 AND earlier.topic = $2 AND earlier.partition = entry.partition
              AND earlier.record_offset = entry.record_offset),
           0
       ),
       subject, outcome, reason, baggage, trace_id, span_id, trace_flags, detail, announcement
FROM unnest($3::integer[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[],
            $10::bytea[], $11::smallint[], $12::text[], $13::text[])
     AS entry (partition, record_offset, subject, outcome, reason, baggage, trace_id, span_id, trace_flags,
               detail, announcement)

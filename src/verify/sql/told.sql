-- The outcomes that status events name, in the order of the events, and whether retention may have taken them.
SELECT ledger.sequence, ledger.outcome, ledger.reason, ledger.announcement,
       coalesce(event.record_offset < positions.pruned_below, false) AS pruned
FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::smallint[])
     WITH ORDINALITY AS event (topic, partition, record_offset, revision, ordinal)
LEFT JOIN worker.ledger
    ON ledger.group_id = $1 AND ledger.topic = event.topic COLLATE "C" AND ledger.partition = event.partition
    AND ledger.record_offset = event.record_offset AND ledger.revision = event.revision
LEFT JOIN worker.positions
    ON positions.group_id = $1 AND positions.topic = event.topic COLLATE "C"
    AND positions.partition = event.partition
ORDER BY event.ordinal

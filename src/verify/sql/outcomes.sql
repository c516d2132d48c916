-- What is wrong with a partition's outcomes from $4 to $5, taken by themselves, with the position, and with the
-- records that are set aside. $6 has all words that an outcome may be.
WITH entry AS MATERIALIZED (
    SELECT record_offset, revision, subject, outcome, reason,
           lag(revision) OVER record AS previous,
           lead(revision) OVER record IS NULL AS is_current
    FROM worker.ledger
    WHERE group_id = $1 AND topic = $2 AND partition = $3 AND record_offset >= $4 AND record_offset <= $5
    WINDOW record AS (PARTITION BY record_offset ORDER BY revision)
), finding AS (
    SELECT 'revision_gap' AS kind, record_offset, subject,
           CASE
               WHEN previous IS NULL THEN format('its first revision is %s, not 0', revision)
               ELSE format('its revision %s is followed by %s', previous, revision)
           END AS detail
    FROM entry
    WHERE revision <> coalesce(previous, -1) + 1

    UNION ALL
    SELECT 'unknown_outcome', record_offset, subject,
           format('revision %s has the outcome %s, which is no word of this worker''s', revision,
                  quote_literal(outcome))
    FROM entry
    WHERE outcome <> ALL ($6::text[])

    UNION ALL
    SELECT 'outcome_without_reason', record_offset, subject,
           format('revision %s is %s, and does not say why', revision, outcome)
    FROM entry
    WHERE outcome IN ('rejected', 'held', 'dead') AND coalesce(reason, '') = ''

    UNION ALL
    SELECT 'redriven_without_result', record_offset, subject, 'it was redriven, and nothing says what came of it'
    FROM entry
    WHERE is_current AND outcome = 'redriven'

    UNION ALL
    SELECT 'outcome_above_position', record_offset, subject,
           format('it is %s, but the position is %s: was it set back, and what was replayed not read yet?',
                  outcome, next_offset)
    FROM entry
    JOIN worker.positions
        ON positions.group_id = $1 AND positions.topic = $2 AND positions.partition = $3
        AND entry.record_offset >= positions.next_offset
    WHERE is_current

    UNION ALL
    SELECT CASE WHEN held.id IS NULL THEN 'held_missing' ELSE 'held_differs' END, entry.record_offset,
           entry.subject,
           CASE
               WHEN held.id IS NULL THEN format('it is %s, but no row in worker.held', verdict)
               ELSE format('it is %s, but the row %s in worker.held is %s (%s)', verdict, held.id, held.status,
                           held.reason)
           END
    FROM entry
    CROSS JOIN LATERAL (SELECT concat(outcome, ' (' || entry.reason || ')') AS verdict) AS said
    LEFT JOIN worker.held
        ON held.group_id = $1 AND held.topic = $2 AND held.partition = $3
        AND held.record_offset >= $4 AND held.record_offset <= $5
        AND held.record_offset = entry.record_offset
    WHERE is_current
      AND outcome IN ('held', 'dead', 'discarded')
      AND (held.id IS NULL
           OR held.status <> CASE outcome WHEN 'held' THEN 'waiting' ELSE outcome END
           OR (outcome <> 'discarded' AND held.reason IS DISTINCT FROM entry.reason))
)
SELECT kind, $1::text AS group_id, $2::text AS topic, $3::integer AS partition, record_offset, subject, detail
FROM finding
ORDER BY record_offset

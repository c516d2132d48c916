-- In recovery, and where default_transaction_read_only says so, every transaction only reads.
SELECT current_setting('transaction_read_only')::boolean

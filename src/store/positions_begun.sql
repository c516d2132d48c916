SELECT FROM worker.groups WHERE group_id = $1

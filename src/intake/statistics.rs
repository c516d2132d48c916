//! What librdkafka's statistics say of the group, in either protocol.

use serde::Deserialize;

/// The part of the statistics that counts here; the rest is passed over.
#[derive(Deserialize)]
struct Statistics<'a> {
    #[serde(borrow)]
    cgrp: Option<Group<'a>>,
}

#[derive(Deserialize)]
struct Group<'a> {
    /// The way to the group's coordinator.
    state: &'a str,
    /// The membership.
    join_state: &'a str,
}

/// Whether the group stands, and has given this member its share of the partitions, be it none.
pub(super) fn is_joined(statistics: &[u8]) -> bool {
    serde_json::from_slice::<Statistics<'_>>(statistics)
        .ok()
        .and_then(|statistics| statistics.cgrp)
        .is_some_and(|group| group.state == "up" && group.join_state == "steady")
}

#[cfg(test)]
mod tests {
    use super::is_joined;

    fn statistics(group: &str) -> String {
        format!(
            r#"{{"name":"worker#consumer-1","brokers":{{"a:1/1":{{"state":"UP"}}}},"topics":{{}}{group}}}"#
        )
    }

    #[test]
    fn only_a_steady_member_of_a_group_that_can_be_reached_has_joined() {
        for (group, joined) in [
            (r#","cgrp":{"state":"up","stateage":7,"join_state":"steady","assignment_size":0}"#, true),
            (r#","cgrp":{"state":"up","join_state":"wait-join"}"#, false),
            (r#","cgrp":{"state":"query-coord","join_state":"steady"}"#, false),
            ("", false),
        ] {
            assert_eq!(is_joined(statistics(group).as_bytes()), joined, "{group}");
        }
        assert!(!is_joined(b"{"));
    }
}

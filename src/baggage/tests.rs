//! The baggage matrix, and what holds for any bytes at all.

use proptest::prelude::*;

use super::*;

fn parse(headers: &[&str]) -> Baggage {
    Baggage::parse(headers.iter().map(|header| header.as_bytes()))
}

fn members(baggage: &Baggage) -> Vec<(String, String)> {
    baggage.members().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn logged(baggage: &Baggage, keys: &LogKeys) -> (String, String) {
    let for_log = baggage.for_log(keys);
    (for_log.text().to_string(), for_log.members_json().to_string())
}

/// The headers' values, and the members they are read as.
type Case = (&'static [&'static str], &'static [(&'static str, &'static str)]);

#[test]
fn members_are_read_by_the_text_of_the_specification() {
    let matrix: &[Case] = &[
        (&[], &[]),
        (&[""], &[]),
        (&[" \t,, ,"], &[]),
        (&["a=b"], &[("a", "b")]),
        (
            &["key1=value1;p1;p2, key2 = value2, key3=value3; p=v"],
            &[("key1", "value1"), ("key2", "value2"), ("key3", "value3")],
        ),
        (
            &["trace-id=rig000002,tenant=acme;scope=rig,note=caf%C3%A9"],
            &[("trace-id", "rig000002"), ("tenant", "acme"), ("note", "café")],
        ),
        // The second `=` belongs to the value, also where the value is cut from properties.
        (&["token=YWJj==;p=1=2"], &[("token", "YWJj==")]),
        (&["a=", "b= ;p"], &[("a", ""), ("b", "")]),
        // Several headers are one list, in order; a repeated key stays twice.
        (&["a=1,b=2", "a=3"], &[("a", "1"), ("b", "2"), ("a", "3")]),
        // Decoded after splitting: `%2C` and `%3B` separate nothing, `+` is no blank.
        (&["a=1%2Cb%3D2%3Bc,d=x+y"], &[("a", "1,b=2;c"), ("d", "x+y")]),
        (
            &["a=%FF%41,b=%C3,c=100%,d=%zz,e=%e2%82%ac"],
            &[("a", "\u{fffd}A"), ("b", "\u{fffd}"), ("c", "100%"), ("d", "%zz"), ("e", "€")],
        ),
        // Keys are tokens, never decoded.
        (&["%41=x,a%20b=y,Å=z,a b=1,=2,(=3,lone,;p,\"q\"=1"], &[("%41", "x"), ("a%20b", "y")]),
        // A bad member takes no other with it.
        (&["ok=1,bad,also=2"], &[("ok", "1"), ("also", "2")]),
        (&["A=1,a=2"], &[("A", "1"), ("a", "2")]),
        // What is outside `baggage-octet` but harmless is read as it stands.
        (&["a=two words,b=\"quoted\\\",c=café"], &[("a", "two words"), ("b", "\"quoted\\\""), ("c", "café")]),
    ];
    for (headers, expected) in matrix {
        let read = parse(headers);
        let expected: Vec<_> =
            expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        assert_eq!(members(&read), expected, "{headers:?}");
        assert_eq!(read.is_empty(), expected.is_empty());
    }
}

#[test]
fn the_last_of_a_repeated_key_wins() {
    let baggage = parse(&["okteto-divert=alpha,a=1", "okteto-divert=beta"]);
    assert_eq!(baggage.get("okteto-divert"), Some("beta"));
    assert_eq!(baggage.get("Okteto-Divert"), None);
    assert_eq!(
        logged(&baggage, &LogKeys::All),
        ("a=1,okteto-divert=beta".into(), r#"{"a":"1","okteto-divert":"beta"}"#.into())
    );
}

#[test]
fn text_carries_the_original_members_with_their_properties() {
    let baggage = parse(&["trace-id=r1, note=caf%C3%A9;scope=rig;x , bad, a = b", "c=ü"]);
    assert_eq!(baggage.text(), "trace-id=r1,note=caf%C3%A9;scope=rig;x,a = b,c=ü");
}

#[test]
fn text_cannot_carry_control_characters_onward() {
    let hostile: &[u8] = b"a=1\r\nX-Forged: yes;p\0=q\x1b,b\t=\t2,c=\xff\xfe;d=\xc2\x85,k\r=v";
    let baggage = Baggage::parse([hostile]);
    assert_eq!(baggage.text(), "a=1%0D%0AX-Forged: yes;p%00=q%1B,b=2,c=%FF%FE;d=%C2%85");
    assert_eq!(baggage.get("a"), Some("1\r\nX-Forged: yes"));
    assert_eq!(baggage.get("c"), Some("\u{fffd}\u{fffd}"));
}

#[test]
fn caps_fall_between_members() {
    let many: Vec<String> = (0..200).map(|index| format!("k{index}=v")).collect();
    assert_eq!(members(&parse(&[&many.join(",")])).len(), MAX_MEMBERS);

    let exact = format!("a={}", "x".repeat(MAX_BYTES - 2));
    assert_eq!(parse(&[&exact]).text(), exact);
    assert!(parse(&[&format!("{exact}x")]).is_empty());
    // What does not fit is left out whole; a later member that fits is kept.
    let crowded = parse(&["a=1", &exact, "okteto-divert=x"]);
    assert_eq!(crowded.text(), "a=1,okteto-divert=x");
    // A repaired member grows, and is measured as it is carried.
    assert!(Baggage::parse([[b"a=".as_slice(), &[1; 4000]].concat().as_slice()]).is_empty());
}

#[test]
fn empty_baggage_allocates_nothing() {
    let baggage = parse(&[]);
    assert_eq!((baggage.storage.capacity(), baggage.members.capacity()), (0, 0));
}

#[test]
fn log_shows_only_allowed_keys_without_properties() {
    let baggage = parse(&["tenant=acme;secret=1,password=hunter2,note=a%2Cadmin%3Dyes"]);
    let keys = LogKeys::from(Some(vec!["tenant".to_owned(), "note".to_owned()]));
    let (text, json) = logged(&baggage, &keys);
    assert_eq!(text, "tenant=acme,note=a%2Cadmin=yes");
    assert_eq!(json, r#"{"tenant":"acme","note":"a,admin=yes"}"#);
    assert!(baggage.for_log(&LogKeys::Only(vec!["absent".to_owned()])).is_empty());
    assert_eq!(LogKeys::from(None), LogKeys::All);
}

#[test]
fn log_cuts_long_values_at_a_character() {
    let baggage = parse(&[&format!("a=x{},b=2", "é".repeat(400))]);
    let (text, _) = logged(&baggage, &LogKeys::All);
    assert_eq!(text, format!("a=x{}…,b=2", "é".repeat(127)));
}

/// Bytes that look enough like baggage to reach every branch.
fn headers() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        "[a-z=,; \t%]{0,8}".prop_map(String::into_bytes),
        "[a-z]{1,3}=%[0-9A-F]{2}(,|;p=)".prop_map(String::into_bytes),
        Just(b"k=v,".repeat(40)),
        Just(vec![b'x'; 700]),
        any::<String>().prop_map(String::into_bytes),
    ];
    prop::collection::vec(prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat()), 0..4)
}

proptest! {
    #[test]
    fn any_bytes_keep_the_promises(headers in headers()) {
        let baggage = Baggage::parse(headers.iter().map(Vec::as_slice));
        prop_assert!(baggage.text().len() <= MAX_BYTES);
        prop_assert!(baggage.members().count() <= MAX_MEMBERS);
        prop_assert!(!baggage.text().chars().any(char::is_control));

        let again = Baggage::parse([baggage.text().as_bytes()]);
        prop_assert_eq!(again.text(), baggage.text());
        prop_assert_eq!(members(&again), members(&baggage));

        let (text, json) = logged(&baggage, &LogKeys::All);
        prop_assert!(text.len() <= for_log::MAX_TEXT_BYTES);
        prop_assert!(!json.contains(char::is_control));
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).expect("valid JSON");
        prop_assert!(object.keys().all(|key| baggage.get(key).is_some()));
        let shown = baggage.for_log(&LogKeys::All);
        prop_assert_eq!(shown.is_empty(), text.is_empty());
    }
}

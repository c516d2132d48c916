//! `KAFKA_PROPERTIES`: librdkafka settings passed through, except those on which the worker's promise rests.

use std::collections::BTreeSet;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;
use secrecy::{ExposeSecret as _, SecretString};

use super::fault::HIDDEN;
use super::kafka::GroupProtocol;
use super::ownership::refusal;

/// One librdkafka setting to pass on.
#[derive(Debug, Clone)]
pub struct KafkaProperty {
    /// librdkafka's name for it.
    pub name: String,
    /// Its value, which may be a password or a key.
    pub value: SecretString,
}

/// Parts of names whose values are not shown.
const SECRET_PARTS: [&str; 8] = ["password", "secret", "token", "pem", "jaas", "oauthbearer", "key", "kinit"];

const MALFORMED: &str = "expected name=value with a librdkafka name such as security.protocol; a value cannot span lines (a certificate or key: name its file, ssl.ca.location)";

/// Reads the lines, or says everything that is wrong with them by line number, never with a value.
pub(super) fn read(text: &str, protocol: Option<GroupProtocol>) -> Result<Vec<KafkaProperty>, Vec<String>> {
    let mut properties = Vec::new();
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, line) in lines(text) {
        match line {
            None => faults.push(format!("line {number}: {MALFORMED}")),
            Some((name, value)) => {
                if let Some(reason) = refusal(name, protocol) {
                    faults.push(format!("line {number}: {name} is refused: {reason}"));
                } else if !seen.insert(name) {
                    faults.push(format!("line {number}: {name} is given twice; expected once"));
                } else {
                    properties.push(KafkaProperty { name: name.to_owned(), value: value.into() });
                }
            }
        }
    }
    if faults.is_empty() { Ok(properties) } else { Err(faults) }
}

/// What librdkafka says about properties one by one: names that it does not know, values that it does not take.
pub(super) fn refused_by_librdkafka(properties: &[KafkaProperty]) -> Vec<String> {
    let refused = |property: &KafkaProperty| {
        let name = &property.name;
        let mut config = ClientConfig::new();
        match config.set(name, property.value.expose_secret()).create_native_config() {
            Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
                Some(format!("{name} is no property that librdkafka knows"))
            }
            // librdkafka's own words repeat the value.
            Err(KafkaError::ClientConfig(_, description, ..)) => {
                let range = description.split_once("outside allowed range ");
                let expected = range.map_or("another one", |(_, range)| range.trim());
                Some(format!("librdkafka does not take the value of {name}; expected {expected}"))
            }
            Err(_) => Some(format!("librdkafka does not take {name}")),
            Ok(_) => None,
        }
    };
    properties.iter().filter_map(refused).collect()
}

/// The lines with secret values hidden. With a wrong line among them every value is: a misspelt name does not tell
/// that its value is secret, and a malformed line, which hides the names too, may be a secret's second one.
pub(super) fn without_secrets(text: &str, is_wrong: bool) -> String {
    let shown: Option<Vec<String>> = lines(text)
        .map(|(_, line)| {
            let (name, value) = line?;
            let is_secret = is_wrong || SECRET_PARTS.iter().any(|part| name.contains(part));
            Some(format!("{name}={}", if is_secret { HIDDEN } else { value }))
        })
        .collect();
    shown.map_or_else(|| HIDDEN.to_owned(), |lines| lines.join("\n"))
}

/// Numbered lines that are neither blank nor comments, split into name and value; none where one is malformed.
fn lines(text: &str) -> impl Iterator<Item = (usize, Option<(&str, &str)>)> {
    (1..)
        .zip(text.lines().map(str::trim))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| (number, split(line)))
}

fn split(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let (name, value) = (name.trim_end(), value.trim_start());
    // Capitals are in no librdkafka name, and in nearly every line of base64 that strayed here from a key.
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_'));
    (is_name && !value.is_empty() && !value.contains('\0')).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::{GroupProtocol, read, refused_by_librdkafka, without_secrets};

    fn pairs(text: &str) -> Vec<(String, String)> {
        read(text, None)
            .unwrap()
            .into_iter()
            .map(|property| (property.name, property.value.expose_secret().to_owned()))
            .collect()
    }

    #[test]
    fn lines_are_split_at_the_first_equals_sign_and_comments_are_passed_over() {
        let text = "# TLS\r\n\nsecurity.protocol = SASL_SSL\r\n  sasl.password=a=b;c #d\n#x=y\nlog_level=6";
        let expected = [("security.protocol", "SASL_SSL"), ("sasl.password", "a=b;c #d"), ("log_level", "6")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs(text), expected);
        assert_eq!(pairs(""), []);
    }

    #[test]
    fn every_wrong_line_is_told_by_number_and_never_by_its_content() {
        let text = "hunter2\nsasl.password=\n=hunter2\nMIIEhunter2==\na b=hunter2\n\
            client.id=hunter2\nclient.id=hunter2\nssl.key.password=hunter2\0\ngroup.id=hunter2";
        let faults = read(text, None).unwrap_err();
        let lines: Vec<&str> = faults.iter().map(|fault| &fault[..7]).collect();
        let wrong = [1, 2, 3, 4, 5, 7, 8, 9].map(|number| format!("line {number}:"));
        assert_eq!(lines, wrong);
        assert!(!faults.concat().contains("hunter"), "{faults:?}");
    }

    #[test]
    fn what_librdkafka_does_not_take_is_told_by_name_and_never_by_value() {
        let text = "no.such=hunter2\nsecurity.protocol=hunter2\nsocket.timeout.ms=7\ncheck.crcs=hunter2\nclient.id=w";
        let told = refused_by_librdkafka(&read(text, None).unwrap());
        assert_eq!(
            told,
            [
                "no.such is no property that librdkafka knows",
                "librdkafka does not take the value of security.protocol; expected another one",
                "librdkafka does not take the value of socket.timeout.ms; expected 10..300000",
                "librdkafka does not take the value of check.crcs; expected another one",
            ]
        );
    }

    #[test]
    fn secret_values_are_hidden_and_others_shown() {
        let text = "sasl.username=worker\nsasl.password=x\nssl.key.pem=x\nsocket.keepalive.enable=true";
        let shown = without_secrets(text, false);
        assert_eq!(
            shown,
            "sasl.username=worker\nsasl.password=***\nssl.key.pem=***\nsocket.keepalive.enable=true"
        );
        assert_eq!(without_secrets("sasl.pasword=x\nclient.id=y", true), "sasl.pasword=***\nclient.id=***");
        assert_eq!(without_secrets("ssl.ca.pem=-----BEGIN\nMIIE\nab==\n", false), "***");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([a-z.]{0,4}[ =#\r\n]|.){0,40}") {
            for protocol in [None, Some(GroupProtocol::Consumer)] {
                if let Err(faults) = read(&text, protocol) {
                    prop_assert!(!faults.is_empty());
                }
            }
            without_secrets(&text, false);
        }

        #[test]
        fn a_well_formed_line_is_read_as_written(name in "[a-z]{1,9}(\\.[a-z_0-9]{1,9}){1,3}", value in "[!-~]([ -~]{0,30}[!-~])?") {
            prop_assume!(read(&format!("{name}=x"), None).is_ok());
            prop_assert_eq!(pairs(&format!("{name}={value}")), vec![(name, value)]);
        }
    }
}

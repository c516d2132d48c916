//! The settings as a whole, from a snapshot to what the worker and a person receive.

mod faults;
mod shown;
mod values;

use super::{ConfigurationFaults, Environment, Settings};

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().copied().collect()
}

fn settings(variables: &[(&str, &str)]) -> Result<Settings, ConfigurationFaults> {
    Settings::from_snapshot(&environment(variables))
}

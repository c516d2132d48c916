//! The house is built as its map says: modules depend on each other in one direction, and the map names each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const MAP: &str = include_str!("../../src/lib.rs");

/// The library's source files, by the module at the top that they belong to. Unit tests in files of their own may
/// look anywhere.
fn sources() -> BTreeMap<String, String> {
    fn read(path: &Path, text: &mut String) {
        if path.is_dir() {
            for entry in path.read_dir().unwrap().map(Result::unwrap) {
                if !entry.file_name().to_string_lossy().starts_with("tests") {
                    read(&entry.path(), text);
                }
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources: BTreeMap<String, String> = BTreeMap::new();
    for entry in root.read_dir().unwrap().map(Result::unwrap) {
        let module = entry.path().file_stem().unwrap().to_string_lossy().into_owned();
        if !["lib", "main"].contains(&&*module) {
            read(&entry.path(), sources.entry(module).or_default());
        }
    }
    sources
}

/// The modules that a text names by `crate::name` or `crate::{name, ...}`, comments left out.
fn named(text: &str) -> BTreeSet<String> {
    let code: String =
        text.lines().flat_map(|line| [line.split("//").next().unwrap_or_default(), "\n"]).collect();
    let word = |text: &str| -> String {
        text.trim_start().chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '_').collect()
    };
    code.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(group) => group.split(';').next().unwrap_or_default().split(',').map(word).collect(),
            None => vec![word(rest)],
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn modules_are_found_however_they_are_named() {
    let text =
        "use crate::store::{Pool, held};\nuse crate::{\n    lane::Lane,\n    fault,\n};\n// crate::ops\n";
    assert_eq!(named(text).into_iter().collect::<Vec<_>>(), ["fault", "lane", "store"]);
}

#[test]
fn modules_depend_on_each_other_in_one_direction() {
    let sources = sources();
    let mut left: BTreeMap<&str, BTreeSet<String>> = sources
        .iter()
        .map(|(module, text)| {
            let known = |name: &String| name != module && sources.contains_key(name);
            (module.as_str(), named(text).into_iter().filter(known).collect())
        })
        .collect();
    assert!(left["lane"].contains("store") && left["booking"].contains("handler"), "{left:?}");
    // Whatever depends on nothing that is left is taken away, until nothing is.
    while !left.is_empty() {
        let free: Vec<&str> = left
            .iter()
            .filter(|(_, needs)| needs.iter().all(|need| !left.contains_key(need.as_str())))
            .map(|(module, _)| *module)
            .collect();
        assert!(!free.is_empty(), "these depend on each other in a circle: {left:#?}");
        left.retain(|module, _| !free.contains(module));
    }
}

#[test]
fn the_map_names_every_module() {
    let map: String = MAP.lines().filter(|line| line.starts_with("//! - ")).collect();
    for module in sources().keys() {
        assert!(map.contains(&format!("`{module}`")), "src/lib.rs does not say what `{module}` is");
    }
}

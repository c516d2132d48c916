//! Reads the files that settings name: mounted secrets, property lines, certificates.

use std::fs::File;
use std::io::Read;

/// The largest file that a setting may name; a certificate bundle has about 220 KB.
const LARGEST: u64 = 1 << 20;

/// A file's text without the newline that editors and `echo` put at its end, or why it is none.
pub(super) fn read_text(path: &str) -> Result<String, String> {
    let text = String::from_utf8(read_bytes(path)?).map_err(|_| "is not UTF-8".to_owned())?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A file's bytes, or why they cannot be read.
pub(super) fn read_bytes(path: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot be read ({error})"))?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("is larger than {LARGEST} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{LARGEST, read_bytes, read_text};

    #[test]
    fn a_text_loses_its_last_newlines_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (content, expected) in
            [("a\n", "a"), ("a\r\n", "a"), (" a b \n", " a b "), ("a\nb", "a\nb"), ("", "")]
        {
            std::fs::write(&path, content).unwrap();
            let text = read_text(path.to_str().unwrap());
            assert_eq!(text.as_deref(), Ok(expected), "{content:?}");
        }
    }

    #[test]
    fn what_is_no_text_of_a_sane_size_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let path = path.to_str().unwrap();
        assert!(read_text(path).unwrap_err().starts_with("cannot be read"));
        assert!(read_text(folder.path().to_str().unwrap()).is_err());

        std::fs::write(path, b"a\xff").unwrap();
        assert_eq!(read_text(path), Err("is not UTF-8".to_owned()));

        let file = std::fs::File::create(path).unwrap();
        file.set_len(LARGEST).unwrap();
        assert!(read_bytes(path).is_ok());
        file.set_len(LARGEST + 1).unwrap();
        assert!(read_bytes(path).unwrap_err().starts_with("is larger"));
    }
}

//! A folder with nothing in it but what the image's base has, and in it, as its root, a worker as the image's user.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use stack::Scratch;

use super::Worker;

/// What the base brings of the system's libraries: of OpenSSL and zlib, a worker in it can make no use.
const LIBRARIES: [&str; 7] =
    ["ld-linux-", "libc.so.6", "libm.so.6", "libgcc_s.so.1", "libdl.so.2", "libpthread.so.0", "librt.so.1"];

/// The image's user and group.
const NONROOT: u32 = 65532;

const FILES: [(&str, &str); 4] = [
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
    ),
    ("etc/group", "root:x:0:\nnonroot:x:65532:\n"),
    ("etc/nsswitch.conf", "hosts: files dns\n"),
    // Whoever runs an image adds this one.
    ("etc/hosts", "127.0.0.1 localhost\n"),
];

/// Makes the folder read-only for the program that follows, in a mount namespace of its own.
const READ_ONLY: &str = r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@""#;

/// The folder. It belongs to root, who has to run the test: nobody else may change roots.
pub struct BareRoot {
    scratch: Scratch,
    folder: PathBuf,
    mounts: bool,
}

impl BareRoot {
    /// A root with this binary, which trusts this authority alone.
    pub fn new(binary: &Path, authority: &str) -> Self {
        let scratch = Scratch::new("root").unwrap();
        let folder = scratch.path().join("root");
        for library in libraries(binary) {
            put(&folder, &library, &fs::read(&library).unwrap());
        }
        put(&folder, Path::new("worker"), &fs::read(binary).unwrap());
        for (name, text) in FILES {
            put(&folder, Path::new(name), text.as_bytes());
        }
        put(&folder, Path::new("etc/ssl/certs/ca-certificates.crt"), authority.as_bytes());
        let mut root = Self { scratch, folder, mounts: true };
        // In a container that may not mount, the files' owner has to do.
        root.mounts = root.run(&["--version"], &[]).status.success();
        root
    }

    /// Whether the root is read-only by a mount, and not by its owner alone.
    pub fn mounts(&self) -> bool {
        self.mounts
    }

    /// Runs `/worker` to its end, with these variables and no others.
    pub fn run(&self, arguments: &[&str], variables: &[(String, String)]) -> Output {
        self.command(arguments, variables).output().unwrap()
    }

    /// Starts `/worker`.
    pub fn start(&self, name: &str, arguments: &[&str], variables: &[(String, String)]) -> Worker {
        Worker::by(&self.scratch, name, &self.command(arguments, variables))
    }

    /// Expects that the process is confined as the image's would be.
    pub fn assert_confines(&self, worker: &Worker) {
        let process = PathBuf::from(format!("/proc/{}", worker.id()));
        assert_eq!(fs::read_link(process.join("root")).unwrap(), self.folder);
        let status = fs::read_to_string(process.join("status")).unwrap();
        for ids in ["Uid:", "Gid:"] {
            let found = status.lines().find_map(|line| line.strip_prefix(ids)).unwrap();
            assert!(found.split_whitespace().all(|id| id == NONROOT.to_string()), "{status}");
        }
        let mounts = fs::read_to_string(process.join("mountinfo")).unwrap();
        let is_read_only = mounts.lines().any(|line| line.contains(" / ro,"));
        assert_eq!(is_read_only, self.mounts, "{mounts}");
    }

    /// The names of all files and folders.
    pub fn content(&self) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![self.folder.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path.clone());
                }
                found.push(path);
            }
        }
        found.sort();
        found
    }

    fn command(&self, arguments: &[&str], variables: &[(String, String)]) -> Command {
        let mut command = Command::new("env");
        command.args(["-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
        command.args(variables.iter().map(|(name, value)| format!("{name}={value}")));
        if self.mounts {
            command.args(["unshare", "--mount", "sh", "-c", READ_ONLY]).arg(&self.folder);
        }
        command.args(["chroot", &format!("--userspec={NONROOT}:{NONROOT}"), "--groups="]).arg(&self.folder);
        command.arg("/worker").args(arguments);
        command
    }
}

/// The libraries that the binary asks for; fails where the base has not all of them.
fn libraries(binary: &Path) -> Vec<PathBuf> {
    let listed = Command::new("ldd").arg(binary).output().unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let listed = String::from_utf8(listed.stdout).unwrap();
    let paths = listed.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    paths
        .map(|path| {
            let name = path.rsplit('/').next().unwrap_or_default();
            assert!(LIBRARIES.iter().any(|known| name.starts_with(known)), "the base has no {name}");
            PathBuf::from(path)
        })
        .collect()
}

/// Writes a file that everybody may read and run.
fn put(root: &Path, name: &Path, content: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = root.join(name.strip_prefix("/").unwrap_or(name));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

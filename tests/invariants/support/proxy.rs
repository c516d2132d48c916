//! A TCP proxy before PostgreSQL that cuts connections at the worst of moments.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Where a COMMIT is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// On its way to the server, which never hears of it.
    Request,
    /// The server's answer: it has committed, and the client does not learn it.
    Answer,
    /// The same, but the client is told what a connection pooler says that has lost its server.
    AnswerByPooler,
    /// On its way to the server; the connection stays, and nothing comes over it any more.
    Silence,
}

/// What COMMIT looks like on the wire: a query's text one way, a completion's tag the other way.
const COMMIT: &[u8] = b"COMMIT\0";

/// A pooler's last words when its server is gone, as an `ErrorResponse`.
const POOLER: &[u8] = b"E\0\0\0\x30SFATAL\0VFATAL\0C08P01\0Mserver conn crashed?\0\0";

/// The proxy. It ends with the runtime of its test.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    armed: Mutex<Option<Armed>>,
    cuts: AtomicUsize,
    /// Whether every connection, old or new, is closed.
    down: watch::Sender<bool>,
    /// Whether nothing comes over any connection, old or new.
    silent: watch::Sender<bool>,
}

/// One connection.
struct Link {
    state: Arc<State>,
    ended: watch::Sender<bool>,
    /// Whether nothing comes over it any more.
    silent: watch::Sender<bool>,
}

#[derive(Clone, Copy)]
struct Armed {
    cut: Cut,
    stays_down: bool,
}

impl Proxy {
    /// Listens, and forwards to this port.
    pub async fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            armed: Mutex::default(),
            cuts: AtomicUsize::default(),
            down: watch::Sender::new(false),
            silent: watch::Sender::new(false),
        };
        let state = Arc::new(state);
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, server, shared.clone()));
            }
        });
        Self { port, state }
    }

    /// The port to connect to.
    pub fn port(&self) -> String {
        self.port.to_string()
    }

    /// Cuts off the next COMMIT, and closes its connection.
    pub fn cut(&self, cut: Cut) {
        *self.state.armed.lock().unwrap() = Some(Armed { cut, stays_down: false });
    }

    /// Cuts off the next COMMIT, and with it all connections until [`up`](Self::up).
    pub fn cut_and_stay_down(&self, cut: Cut) {
        *self.state.armed.lock().unwrap() = Some(Armed { cut, stays_down: true });
    }

    /// Closes all connections, and each new one, until [`up`](Self::up).
    pub fn down(&self) {
        self.state.down.send_replace(true);
    }

    /// Lets nothing pass until [`up`](Self::up), as a network that has lost its way.
    pub fn silence(&self) {
        self.state.silent.send_replace(true);
    }

    /// Forwards again.
    pub fn up(&self) {
        self.state.down.send_replace(false);
        self.state.silent.send_replace(false);
    }

    /// How many COMMITs were cut off.
    pub fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::SeqCst)
    }
}

impl State {
    /// How the COMMIT in these bytes is cut off, if it is: the next one only.
    fn cut_here(&self, to_server: bool, bytes: &[u8]) -> Option<Cut> {
        let mut armed = self.armed.lock().unwrap();
        let found = armed.filter(|armed| matches!(armed.cut, Cut::Request | Cut::Silence) == to_server)?;
        if !bytes.windows(COMMIT.len()).any(|window| window == COMMIT) {
            return None;
        }
        *armed = None;
        // Down first: whoever sees the count may rely on it.
        self.down.send_if_modified(|down| std::mem::replace(down, *down || found.stays_down) != *down);
        self.cuts.fetch_add(1, Ordering::SeqCst);
        Some(found.cut)
    }
}

async fn forward(client: TcpStream, server: u16, state: Arc<State>) {
    if *state.down.borrow() {
        return;
    }
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let link = Link { state, ended: watch::Sender::new(false), silent: watch::Sender::new(false) };
    tokio::join!(copy(from_client, to_server, &link, true), copy(from_server, to_client, &link, false));
}

/// Copies one direction until a side ends or the connection is cut; then the other direction ends too.
async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, link: &Link, to_server: bool) {
    let state = &link.state;
    let mut buffer = vec![0; 64 << 10];
    // The last bytes may be the beginning of a COMMIT that the next read ends.
    let mut tail = Vec::new();
    loop {
        let Some(read) = link.unless_cut(from.read(&mut buffer)).await else { break };
        let Ok(count @ 1..) = read else { break };
        tail.extend_from_slice(&buffer[..count]);
        match state.cut_here(to_server, &tail) {
            None => {}
            Some(Cut::Silence) => {
                link.silent.send_replace(true);
            }
            Some(Cut::AnswerByPooler) => {
                // A client that has gone away meanwhile need not be told.
                let _gone = to.write_all(POOLER).await;
                break;
            }
            Some(Cut::Request | Cut::Answer) => break,
        }
        tail.drain(..tail.len().saturating_sub(COMMIT.len() - 1));
        let written = link.unless_cut(async {
            link.audible().await;
            to.write_all(&buffer[..count]).await
        });
        if !matches!(written.await, Some(Ok(()))) {
            break;
        }
    }
    // The end of a silent connection is not to be heard of either.
    link.unless_cut(link.audible()).await;
    link.ended.send_replace(true);
}

impl Link {
    /// What comes of this, unless the connection ends or is cut first.
    async fn unless_cut<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let (mut ended, mut down) = (self.ended.subscribe(), self.state.down.subscribe());
        tokio::select! {
            biased;
            _ = ended.wait_for(|ended| *ended) => None,
            _ = down.wait_for(|down| *down) => None,
            done = work => Some(done),
        }
    }

    /// Waits until something may pass.
    async fn audible(&self) {
        let (mut own, mut all) = (self.silent.subscribe(), self.state.silent.subscribe());
        for silent in [&mut own, &mut all] {
            // An error means that the test is over.
            drop(silent.wait_for(|silent| !*silent).await);
        }
    }
}

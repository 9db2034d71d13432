//! A TCP proxy that a test cuts, closes or stalls.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A proxy in front of a port of this machine. Dropping it closes everything.
pub struct TcpProxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Both ends of each connection.
    streams: Mutex<Vec<TcpStream>>,
    closed: AtomicBool,
    stalled: AtomicBool,
    over: AtomicBool,
}

impl TcpProxy {
    /// Starts a proxy for the target port.
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { port: listener.local_addr().unwrap().port(), shared: Arc::default() };
        let shared = proxy.shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if shared.over.load(SeqCst) {
                    return;
                }
                let Ok(client) = client else { continue };
                if !shared.closed.load(SeqCst)
                    && let Ok(server) = TcpStream::connect(("127.0.0.1", target))
                {
                    shared.join(client, server);
                }
            }
        });
        proxy
    }

    /// Returns the port for clients.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts all connections; new ones are forwarded.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Cuts all connections, and each new one at once; or accepts connections again.
    pub fn set_closed(&self, closed: bool) {
        self.shared.closed.store(closed, SeqCst);
        if closed {
            self.cut();
        }
    }

    /// Forwards nothing more, without closing a connection; or continues where it stopped.
    pub fn set_stalled(&self, stalled: bool) {
        self.shared.stalled.store(stalled, SeqCst);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.shared.over.store(true, SeqCst);
        self.cut();
        // Wakes the listener.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn cut(&self) {
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn join(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            self.streams.lock().unwrap().push(stream.try_clone().unwrap());
        }
        let (back_to, back_from) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        for (from, to) in [(client, server), (back_from, back_to)] {
            let shared = self.clone();
            std::thread::spawn(move || shared.pump(from, to));
        }
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            while self.stalled.load(SeqCst) && !self.over.load(SeqCst) {
                std::thread::sleep(Duration::from_millis(2));
            }
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

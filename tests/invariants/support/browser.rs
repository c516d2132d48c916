//! A real browser without a window: Chromium, driven by the W3C protocol for that.

use std::net::SocketAddr;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stack::{Ending, Output, Process, Scratch};

use super::eventually;
use super::http::send;

/// A browser with one page. Killed when dropped.
pub struct Browser {
    driver: SocketAddr,
    session: String,
    _process: Process,
}

impl Browser {
    /// Starts one; its files lie in the scratch folder.
    pub async fn start(scratch: &Scratch) -> Self {
        let port = stack::port::free().unwrap();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}"));
        let process = Process::start(scratch, "chromedriver", Ending::Kill, Output::Log, &command).unwrap();
        let driver = SocketAddr::from(([127, 0, 0, 1], port));
        let profile = scratch.path().join("browser");
        let arguments = [
            "--headless=new".to_owned(),
            // Chromium refuses root in its sandbox, and containers have little shared memory.
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        let session = eventually("a browser", async || {
            let value = ask(driver, "POST", "/session", &wanted).await?;
            value["sessionId"].as_str().map(|id| Some(id.to_owned())).ok_or_else(|| value.to_string())
        })
        .await;
        Self { driver, session, _process: process }
    }

    /// Looks at a page.
    pub async fn open(&self, url: &str) {
        self.post("url", &json!({"url": url})).await;
    }

    /// Sets the width and height of the page in CSS pixels, and whether the person prefers dark colours.
    pub async fn view(&self, width: u32, height: u32, dark: bool) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Runs a function's body in the page and returns what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({"script": script, "args": []})).await
    }

    /// What is to be seen, as a PNG image.
    pub async fn screenshot(&self) -> Vec<u8> {
        let path = format!("/session/{}/screenshot", self.session);
        let image = ask(self.driver, "GET", &path, &Value::Null).await.unwrap();
        STANDARD.decode(image.as_str().unwrap()).unwrap()
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        self.post("goog/cdp/execute", &json!({"cmd": command, "params": parameters})).await;
    }

    async fn post(&self, what: &str, body: &Value) -> Value {
        let path = format!("/session/{}/{what}", self.session);
        ask(self.driver, "POST", &path, body).await.unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends with its session; the driver alone would leave it behind.
        let (driver, path) = (self.driver, format!("/session/{}", self.session));
        let end = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let _ = runtime.block_on(ask(driver, "DELETE", &path, &Value::Null));
        };
        let _ = std::thread::spawn(end).join();
    }
}

/// One exchange with the driver.
async fn ask(driver: SocketAddr, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {driver}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = send(driver, request.as_bytes()).await.map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_str(&answer.body).map_err(|error| format!("{error}: {answer:?}"))?;
    if answer.status == 200 { Ok(value["value"].clone()) } else { Err(value.to_string()) }
}

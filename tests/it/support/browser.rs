//! Chromium, driven through WebDriver.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use zksync_witness_server::client::{Answer, Client, Credentials};

const PATIENCE: Duration = Duration::from_secs(60);

/// A chromedriver process; killed when dropped.
pub struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    pub fn start() -> Self {
        let child = Command::new("chromedriver")
            .args(["--port=0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver of Debian's chromium-driver");
        let mut driver = Self { child, url: String::new() };
        let lines = BufReader::new(driver.child.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            if let Some((_, port)) = line.split_once("successfully on port ") {
                driver.url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
                return driver;
            }
        }
        panic!("chromedriver does not listen")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A page in a session of the driver (W3C WebDriver with the extensions of chromedriver).
pub struct Page {
    client: Client,
    runtime: Runtime,
    session: String,
    pictures: Option<String>,
}

/// Key of an element in answers (W3C WebDriver).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys of the keyboard, as private code points of the standard.
pub const ESCAPE: char = '\u{e00c}';
pub const ENTER: char = '\u{e007}';
pub const HOME: char = '\u{e011}';
pub const RIGHT: char = '\u{e014}';

impl Page {
    pub fn open(driver: &Driver, url: &str) -> Self {
        let page = Self::empty(driver);
        page.load(url);
        page
    }

    pub fn empty(driver: &Driver) -> Self {
        let capabilities = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {
                "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000"],
            },
        });
        let wanted = json!({"capabilities": {"alwaysMatch": capabilities}}).to_string();
        let client = Client::new(&driver.url, Credentials::Anonymous, PATIENCE).unwrap();
        let runtime = Runtime::new().unwrap();
        let session = runtime.block_on(client.post_bytes("/session", wanted)).and_then(Answer::success);
        let session = session
            .unwrap_or_else(|error| panic!("Chromium does not start: {error}; see `chromedriver --verbose`"));
        let session: Value = serde_json::from_slice(&session).unwrap();
        let session = session["value"]["sessionId"].as_str().unwrap().to_owned();
        let pictures = std::env::var("DASHBOARD_SCREENSHOTS").ok();
        let page = Self { client, runtime, session, pictures };
        page.cdp("Page.enable", json!({}));
        // Without timers, the page only updates on events of the server.
        page.before_each_load(
            "window.setInterval = () => 0; window.shifted = 0; window.movers = []; new PerformanceObserver((list) => { \
            for (const shift of list.getEntries()) if (!shift.hadRecentInput) { window.shifted += shift.value; \
            window.movers.push(...shift.sources.map((source) => \
                `${source.node?.parentNode?.id}>${source.node?.nodeName} ${source.node?.textContent}`.slice(0, 80))); } \
            }).observe({ type: 'layout-shift', buffered: true });",
        );
        page
    }

    /// Runs a script in every page before its own.
    pub fn before_each_load(&self, script: &str) {
        self.cdp("Page.addScriptToEvaluateOnNewDocument", json!({"source": script}));
    }

    /// Loads a page with a slow processor, which draws it while it is still loading.
    pub fn load(&self, url: &str) {
        self.cdp("Emulation.setCPUThrottlingRate", json!({"rate": 20}));
        self.ask("POST", "url", json!({"url": url}));
        self.until("document.querySelector('main:not([hidden])')");
        self.cdp("Emulation.setCPUThrottlingRate", json!({"rate": 1}));
    }

    pub fn has_not_shifted(&self) {
        let shifted = self.eval("return window.shifted").as_f64().unwrap();
        assert!(shifted < 0.001, "{shifted}: {}", self.eval("return window.movers"));
    }

    /// Sends a command of the session; returns the answer.
    pub fn ask(&self, method: &str, command: &str, parameters: Value) -> Value {
        let path = format!("/session/{}/{command}", self.session);
        let answer = match method {
            "GET" => self.runtime.block_on(self.client.get(&path)),
            _ => self.runtime.block_on(self.client.post(&path, &parameters)),
        };
        let answer = answer.unwrap().success();
        let answer = answer.unwrap_or_else(|error| panic!("{command} {parameters}: {error}"));
        serde_json::from_slice::<Value>(&answer).unwrap()["value"].take()
    }

    fn cdp(&self, command: &str, parameters: Value) {
        self.ask("POST", "goog/cdp/execute", json!({"cmd": command, "params": parameters}));
    }

    pub fn eval(&self, script: &str) -> Value {
        self.ask("POST", "execute/sync", json!({"script": script, "args": []}))
    }

    /// Saves downloads in a folder.
    pub fn downloads_to(&self, folder: &Path) {
        self.cdp("Browser.setDownloadBehavior", json!({"behavior": "allow", "downloadPath": folder}));
    }

    /// Returns the faults that axe finds in the page, with the elements.
    pub fn accessibility_faults(&self, axe: &str) -> Value {
        self.eval(axe);
        let script = "const done = arguments[0]; axe.run(document, { resultTypes: ['violations'] }).then((found) => \
            done(found.violations.map((fault) => [fault.id, ...fault.nodes.map((node) => node.html)])), (error) => done(String(error)))";
        self.ask("POST", "execute/async", json!({"script": script, "args": []}))
    }

    /// Returns the number of pixels by which the page is wider than its window without scroll bar.
    pub fn overflow(&self) -> i64 {
        let wider = "const { scrollWidth, clientWidth } = document.scrollingElement; return scrollWidth - clientWidth";
        self.eval(wider).as_i64().unwrap()
    }

    /// Waits until an expression is true.
    pub fn until(&self, expression: &str) {
        let start = Instant::now();
        while self.eval(&format!("return Boolean({expression})")) != json!(true) {
            if start.elapsed() > PATIENCE {
                self.picture("given-up");
                panic!("waited for {expression}; the page shows: {}", self.text("body"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn element(&self, css: &str) -> String {
        let found = self.ask("POST", "element", json!({"using": "css selector", "value": css}));
        format!("element/{}", found[ELEMENT].as_str().unwrap())
    }

    pub fn text(&self, css: &str) -> String {
        let text = self.ask("GET", &format!("{}/text", self.element(css)), Value::Null);
        text.as_str().unwrap().to_owned()
    }

    pub fn click(&self, css: &str) {
        self.ask("POST", &format!("{}/click", self.element(css)), json!({}));
    }

    pub fn press(&self, css: &str, keys: &str) {
        self.ask("POST", &format!("{}/value", self.element(css)), json!({"text": keys}));
    }

    /// Sets width and height of the viewport, in CSS pixels.
    pub fn size(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", metrics);
    }

    pub fn scheme(&self, scheme: &str) {
        self.media("prefers-color-scheme", scheme);
    }

    /// Emulates a media feature, and no other.
    pub fn media(&self, feature: &str, value: &str) {
        let media = json!({"features": [{"name": feature, "value": value}]});
        self.cdp("Emulation.setEmulatedMedia", media);
    }

    pub fn picture(&self, name: &str) {
        if let Some(folder) = &self.pictures {
            let png = self.ask("GET", "screenshot", Value::Null);
            let png = BASE64_STANDARD.decode(png.as_str().unwrap()).unwrap();
            fs::write(Path::new(folder).join(format!("{name}.png")), png).unwrap();
        }
    }

    /// Returns warnings and errors of the console.
    pub fn complaints(&self) -> Vec<Value> {
        let log = self.ask("POST", "se/log", json!({"type": "browser"})).as_array().unwrap().clone();
        log.into_iter()
            .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .collect()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // Ends Chromium, also if the test fails.
        let _ = self.runtime.block_on(self.client.get("/shutdown"));
    }
}

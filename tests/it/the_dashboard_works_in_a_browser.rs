//! The dashboard in Chromium, driven through WebDriver: content, live updates, and actions of an
//! operator.
//!
//! `DASHBOARD_SCREENSHOTS=FOLDER` saves a picture of each step.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use zksync_witness_server::client::{Answer, Client, Credentials};
use zksync_witness_server::testing::internals::domain::sample_single_proof;

use crate::support::{Devnet, Server, input_of, run_well, until};

const OPERATOR: &str = "token-of-an-operator";
const PATIENCE: Duration = Duration::from_secs(60);

/// A chromedriver process; killed when dropped.
struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    fn start() -> Self {
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
struct Page {
    client: Client,
    runtime: Runtime,
    session: String,
    pictures: Option<String>,
}

/// Key of an element in answers (W3C WebDriver).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys of the keyboard, as private code points of the standard.
const ENTER: char = '\u{e007}';
const HOME: char = '\u{e011}';
const RIGHT: char = '\u{e014}';

impl Page {
    fn open(driver: &Driver, url: &str) -> Self {
        let page = Self::empty(driver);
        page.load(url);
        page
    }

    fn empty(driver: &Driver) -> Self {
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
        let watch = "window.setInterval = () => 0; window.shifted = 0; window.movers = []; new PerformanceObserver((list) => { \
            for (const shift of list.getEntries()) if (!shift.hadRecentInput) { window.shifted += shift.value; \
            window.movers.push(...shift.sources.map((source) => \
                `${source.node?.parentNode?.id}>${source.node?.nodeName} ${source.node?.textContent}`.slice(0, 80))); } \
            }).observe({ type: 'layout-shift', buffered: true });";
        page.cdp("Page.addScriptToEvaluateOnNewDocument", json!({"source": watch}));
        page
    }

    /// Loads a page with a slow processor, which draws it while it is still loading.
    fn load(&self, url: &str) {
        self.cdp("Emulation.setCPUThrottlingRate", json!({"rate": 20}));
        self.ask("POST", "url", json!({"url": url}));
        self.until("document.querySelector('#live').textContent === 'live'");
        self.until("document.querySelectorAll('#job-rows tr').length > 1");
        self.cdp("Emulation.setCPUThrottlingRate", json!({"rate": 1}));
    }

    fn has_not_shifted(&self) {
        let shifted = self.eval("return window.shifted").as_f64().unwrap();
        assert!(shifted < 0.001, "{shifted}: {}", self.eval("return window.movers"));
    }

    /// Sends a command of the session; returns the answer.
    fn ask(&self, method: &str, command: &str, parameters: Value) -> Value {
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

    fn eval(&self, script: &str) -> Value {
        self.ask("POST", "execute/sync", json!({"script": script, "args": []}))
    }

    /// Waits until an expression is true.
    fn until(&self, expression: &str) {
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

    fn text(&self, css: &str) -> String {
        let text = self.ask("GET", &format!("{}/text", self.element(css)), Value::Null);
        text.as_str().unwrap().to_owned()
    }

    fn click(&self, css: &str) {
        self.ask("POST", &format!("{}/click", self.element(css)), json!({}));
    }

    fn press(&self, css: &str, keys: &str) {
        self.ask("POST", &format!("{}/value", self.element(css)), json!({"text": keys}));
    }

    /// Sets width and height of the viewport, in CSS pixels.
    fn size(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", metrics);
    }

    fn scheme(&self, scheme: &str) {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.cdp("Emulation.setEmulatedMedia", media);
    }

    fn picture(&self, name: &str) {
        if let Some(folder) = &self.pictures {
            let png = self.ask("GET", "screenshot", Value::Null);
            let png = BASE64_STANDARD.decode(png.as_str().unwrap()).unwrap();
            fs::write(Path::new(folder).join(format!("{name}.png")), png).unwrap();
        }
    }

    /// Returns warnings and errors of the console.
    fn complaints(&self) -> Vec<Value> {
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

fn block(number: u32) -> Value {
    let file = format!("data/sample-chain/blocks/{number:06}.json");
    serde_json::from_slice(&std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()).unwrap()
}

/// Imports the sample chain with a wrong last block.
fn import_with_a_bad_block(folder: &Path, data: &Path) {
    let chain = folder.join("chain");
    fs::create_dir_all(chain.join("blocks")).unwrap();
    fs::copy("data/sample-chain/genesis.json", chain.join("genesis.json")).unwrap();
    for number in 1..=8 {
        let mut block = block(number);
        if number == 8 {
            block["block"]["block_commitment"] = json!(format!("0x{}", "0".repeat(64)));
        }
        fs::write(chain.join(format!("blocks/{number:06}.json")), block.to_string()).unwrap();
    }
    run_well(&["import", "--data-dir", data.to_str().unwrap(), chain.to_str().unwrap()]);
}

fn publish(server: &Server, job: &Value) {
    let number = u32::try_from(job["first_block"].as_u64().unwrap()).unwrap();
    let proof = sample_single_proof(&input_of(&block(number)), 1);
    let body = json!({"job_id": job["job_id"], "first_block": number, "last_block": number, "data": {"BlockProof": proof}});
    server.post("/publish", &body.to_string()).accepted();
}

#[test]
#[ignore = "needs chromium-driver"]
fn the_page_shows_updates_obeys_and_fits() {
    let driver = Driver::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    import_with_a_bad_block(folder.path(), &data);
    let token = folder.path().join("operator-token");
    std::fs::write(&token, OPERATOR).unwrap();
    let server = Server::start(&data, &["--set", &format!("operator_token_file={}", token.display())]);
    server.wait_for("/jobs/idle", 7);

    // The page loads.
    let page = Page::open(&driver, &server.admin);
    page.until("document.querySelectorAll('#strip .queued').length === 7");
    page.until("document.querySelector('#head').textContent === '8'");
    assert_eq!(page.text("#chain-title"), "Chain, blocks 1–8");
    page.until("document.querySelectorAll('#job-rows tr').length === 7");
    page.until("document.querySelector('#block-8.quarantined')");
    page.until("document.querySelector('#problem-rows').textContent.includes('block 8')");
    page.picture("loaded");

    // A block is proven: the strip updates without a reload.
    let job = server.get_job("prover one");
    page.until("document.querySelector('#block-1.proving')");
    page.until("document.querySelector('#prover-rows').textContent.includes('prover one')");
    publish(&server, &job);
    page.until("document.querySelector('#block-1.proven')");
    assert_eq!(page.eval("return performance.getEntriesByType('navigation').length"), 1);
    // Names of provers are shown as text, not as HTML.
    let held = server.get_job("<img src=x onerror='window.hacked=1'> two");
    page.until("document.querySelector('#block-2.proving')");

    // The keyboard selects a block, and the page explains why it is not proven.
    page.press("#strip", &HOME.to_string());
    page.press("#strip", &RIGHT.to_string());
    page.until("document.querySelector('#block-2').getAttribute('aria-selected') === 'true'");
    page.until("document.querySelector('#block').textContent.includes('onerror')");

    // Without a token, with a wrong one, then with the right one.
    assert_eq!(page.eval("return document.querySelectorAll('#job-rows button').length"), 0);
    let requeue = format!("button[aria-label='requeue job {}']", held["job_id"]);
    for (token, works) in [("wrong", false), (OPERATOR, true)] {
        page.click("#operator");
        page.press("#token", &format!("{token}{}", ENTER));
        page.until(&format!("document.querySelector(\"{requeue}\")"));
        page.picture(if works { "operator" } else { "wrong-token" });
        page.click(&requeue);
        if works {
            page.until("document.querySelector('#block-2.queued')");
            assert_eq!(page.text("#notice"), "");
        } else {
            page.until("document.querySelector('#notice').textContent !== ''");
            assert_eq!(
                server.get(&format!("/api/v1/jobs/{}", held["job_id"])).json()["status"],
                "in_progress"
            );
        }
    }
    let drop_job = "button[aria-label='drop job 5']";
    page.click(drop_job);
    page.ask("POST", "alert/accept", json!({}));
    page.until("document.querySelector('#block-5.witnessed')");
    page.until(&format!("!document.querySelector(\"{drop_job}\")"));
    // The block is retried and quarantined again.
    let found_at = || server.get("/api/v1/status").json()["blocks"]["quarantined"][0]["at_ms"].as_u64();
    let before = found_at();
    page.click("button[aria-label='retry block 8']");
    until(|| found_at().filter(|at| Some(*at) > before));
    page.until("document.querySelector('#block-8.quarantined')");
    assert_eq!(page.eval("return window.hacked ?? 0"), 0);
    let refused = page.complaints();
    assert!(refused.iter().all(|entry| entry["message"].as_str().unwrap().contains("401")), "{refused:?}");

    // Dark and narrow: nothing is cut off, nothing shifts.
    let brightness = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)";
    page.scheme("light");
    assert!(page.eval(brightness).as_u64().unwrap() > 600);
    page.scheme("dark");
    assert!(page.eval(brightness).as_u64().unwrap() < 150);
    page.picture("dark");
    page.scheme("light");
    page.has_not_shifted();
    // A job with two buttons, the widest row.
    let held = server.get_job("prover three");
    for width in [360, 768, 1280, 1920] {
        page.size(width, 900);
        page.until(&format!("innerWidth === {width}"));
        page.load(&server.admin);
        page.until(&format!(
            "document.querySelector(\"button[aria-label='requeue job {}']\")",
            held["job_id"]
        ));
        page.picture(&format!("width-{width}"));
        page.has_not_shifted();
        // The width of the window without the scroll bar.
        let inside = page.eval("return document.scrollingElement.clientWidth");
        let wide = page.eval("return document.scrollingElement.scrollWidth");
        assert_eq!(wide, inside, "the page is wider than its window of {width}");
        let cut = "return [...document.querySelectorAll('th, td.actions, dt')].filter((one) => one.scrollWidth > one.clientWidth || one.clientWidth < 30).map((one) => one.textContent)";
        assert_eq!(page.eval(cut), json!([]), "is cut off at {width}");
    }
    assert_eq!(page.complaints(), Vec::<Value>::new());

    // The page shows that the server is gone.
    drop(server);
    page.until("!document.querySelector('#live').classList.contains('on')");
}

#[test]
#[ignore = "needs chromium-driver"]
fn the_explorer_shows_blocks_transactions_and_accounts() {
    let driver = Driver::start();
    let devnet = Devnet::start(&["--traffic", "5", "--finality", "instant"]);
    let page = Page::empty(&driver);
    let shown =
        |address: &str| page.ask("POST", "url", json!({"url": format!("{}/{address}", devnet.board)}));
    let title = "document.querySelector('#detail-title').textContent";
    let transfers = || {
        let page = devnet.get("/blocks/lastCommitted/transactions?from=latest&limit=9&direction=older");
        let list = page["result"]["list"].as_array()?.clone();
        list.into_iter().find(|tx| tx["op"]["type"] == "Transfer")
    };
    let transfer = until(transfers);
    let (hash, block) = (transfer["txHash"].as_str().unwrap(), &transfer["blockNumber"]);

    shown("");
    page.until("document.querySelector('nav a').textContent === 'Explorer'");
    page.click("nav a");
    page.until("document.querySelector('#live').textContent === 'live'");
    page.until("document.querySelectorAll('#block-rows tr').length > 0");
    page.picture("explorer");
    page.press("#wanted", &format!("{hash}{ENTER}"));
    page.until(&format!("{title}.startsWith('Transfer')"));
    assert!(page.text("#facts").contains(transfer["op"]["amount"].as_str().unwrap()));
    page.picture("explorer-transaction");
    page.click("#facts a");
    page.until(&format!("{title} === 'Block {block}'"));
    page.until("document.querySelectorAll('#detail-rows tr').length > 0");
    let sender = transfer["op"]["from"].as_str().unwrap();
    shown(&format!("explorer#/account/{sender}"));
    page.until(&format!("{title}.startsWith('Account')"));
    page.until("document.querySelectorAll('#detail-rows tr').length > 1");
    assert!(page.text("#facts").contains(sender) && page.text("#facts").contains("ETH"));
    page.picture("explorer-account");
    shown("explorer#/tx/0x00");
    page.until(&format!("{title}.includes('transactions/0x00')"));
    page.size(360, 900);
    shown("explorer");
    page.until("document.querySelectorAll('#block-rows tr').length > 0");
    // The width is 360 less that of a scroll bar, once there is one.
    let width = page.eval("return document.scrollingElement.scrollWidth");
    assert!(width.as_u64().is_some_and(|width| width <= 360), "{width}");
    // The browser reports the answer to the wrong hash.
    let complaints = page.complaints();
    assert!(
        complaints.iter().all(|entry| entry["message"].as_str().unwrap().contains("400")),
        "{complaints:?}"
    );
}

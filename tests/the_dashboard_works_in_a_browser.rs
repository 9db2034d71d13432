//! The dashboard in a real Chromium, driven by its WebDriver: what it shows, what changes by itself, what an operator does with it.
//!
//! Without `chromedriver` and Chromium (Debian: `chromium-driver`) the test says so and is skipped; with `DASHBOARD_BROWSER=required` it fails
//! instead. `DASHBOARD_SCREENSHOTS=FOLDER` keeps a picture of each step.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::http::Method;
use fantoccini::{Client, ClientBuilder, Locator, key::Key, wd::WebDriverCompatibleCommand};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use support::{Server, input_of, run_well, until};
use url::{ParseError, Url};
use zksync_witness_server::domain::sample_single_proof;

const OPERATOR: &str = "token-of-an-operator";
const PATIENCE: Duration = Duration::from_secs(60);

/// A WebDriver of its own; killed when dropped.
struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    /// `None` when there is none on this machine.
    fn start() -> Option<Self> {
        let child = Command::new("chromedriver")
            .args(["--port=0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut driver = Self { child, url: String::new() };
        let lines = BufReader::new(driver.child.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            if let Some((_, port)) = line.split_once("successfully on port ") {
                driver.url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
                return Some(driver);
            }
        }
        None
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command of this driver beyond the standard: path below the session, and body.
#[derive(Debug)]
struct Own(&'static str, Value);

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.0))
    }
    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.1.to_string()))
    }
}

struct Page {
    browser: Client,
    pictures: Option<String>,
}

impl Page {
    async fn open(driver: &Driver, url: &str) -> Self {
        let capabilities = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {
                "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000"],
            },
        });
        let browser = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&driver.url)
            .await
            .expect("chromedriver is here, so Chromium is expected to start; see `chromedriver --verbose`");
        let page = Self { browser, pictures: std::env::var("DASHBOARD_SCREENSHOTS").ok() };
        page.cdp("Page.enable", json!({})).await;
        // Without its timers the page knows only what the server tells it by itself.
        let watch = "window.setInterval = () => 0; window.shifted = 0; window.movers = []; new PerformanceObserver((list) => { for (const shift of list.getEntries()) \
            if (!shift.hadRecentInput) { window.shifted += shift.value; window.movers.push(...shift.sources.map((source) => \
                `${source.node?.parentNode?.id}>${source.node?.nodeName} ${source.node?.textContent}`.slice(0, 80))); } }).observe({ type: 'layout-shift', buffered: true });";
        page.cdp("Page.addScriptToEvaluateOnNewDocument", json!({"source": watch})).await;
        page.browser.goto(url).await.unwrap();
        page
    }

    async fn cdp(&self, command: &str, parameters: Value) {
        let body = json!({"cmd": command, "params": parameters});
        self.browser.issue_cmd(Own("goog/cdp/execute", body)).await.unwrap();
    }

    async fn eval(&self, script: &str) -> Value {
        self.browser.execute(script, Vec::new()).await.unwrap()
    }

    /// Repeats an expression until it is true.
    async fn until(&self, expression: &str) {
        let start = Instant::now();
        while self.eval(&format!("return Boolean({expression})")).await != json!(true) {
            if start.elapsed() > PATIENCE {
                self.picture("given-up").await;
                panic!("waited for {expression}; the page shows: {}", self.text("body").await);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn text(&self, css: &str) -> String {
        self.browser.find(Locator::Css(css)).await.unwrap().text().await.unwrap()
    }

    async fn click(&self, css: &str) {
        self.browser.find(Locator::Css(css)).await.unwrap().click().await.unwrap();
    }

    async fn press(&self, css: &str, keys: &str) {
        self.browser.find(Locator::Css(css)).await.unwrap().send_keys(keys).await.unwrap();
    }

    /// Width and height of the window's inside, in CSS pixels.
    async fn size(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    async fn scheme(&self, scheme: &str) {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.cdp("Emulation.setEmulatedMedia", media).await;
    }

    async fn picture(&self, name: &str) {
        if let Some(folder) = &self.pictures {
            let png = self.browser.screenshot().await.unwrap();
            std::fs::write(Path::new(folder).join(format!("{name}.png")), png).unwrap();
        }
    }

    /// What the console has beyond plain words.
    async fn complaints(&self) -> Vec<Value> {
        let log = self.browser.issue_cmd(Own("se/log", json!({"type": "browser"}))).await.unwrap();
        let log = log.as_array().unwrap().clone();
        log.into_iter()
            .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .collect()
    }
}

fn block(number: u32) -> Value {
    let file = format!("data/sample-chain/blocks/{number:06}.json");
    serde_json::from_slice(&std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()).unwrap()
}

/// The sample chain, the last block of which is not what it says.
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

#[tokio::test(flavor = "multi_thread")]
async fn it_loads_moves_obeys_and_fits() {
    let Some(driver) = Driver::start() else {
        let required = std::env::var("DASHBOARD_BROWSER").is_ok_and(|value| value == "required");
        assert!(!required, "chromedriver does not start; install Debian's chromium-driver");
        println!("skipped: chromedriver is not installed (Debian: apt-get install chromium-driver)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    import_with_a_bad_block(folder.path(), &data);
    let token = folder.path().join("operator-token");
    std::fs::write(&token, OPERATOR).unwrap();
    let server = Server::start(&data, &["--set", &format!("operator_token_file={}", token.display())]);
    server.wait_for("/jobs/idle", 7);

    // It loads.
    let page = Page::open(&driver, &server.admin).await;
    page.until("document.querySelectorAll('#strip .queued').length === 7").await;
    page.until("document.querySelector('#live').textContent === 'live'").await;
    page.until("document.querySelector('#head').textContent === '8'").await;
    assert_eq!(page.text("#chain-title").await, "Chain, blocks 1–8");
    page.until("document.querySelectorAll('#job-rows tr').length === 7").await;
    page.until("document.querySelector('#block-8.quarantined')").await;
    page.until("document.querySelector('#problem-rows').textContent.includes('block 8')").await;
    page.picture("loaded").await;

    // A block is proven: the strip changes without anybody asking.
    let job = server.get_job("prover one");
    page.until("document.querySelector('#block-1.proving')").await;
    page.until("document.querySelector('#prover-rows').textContent.includes('prover one')").await;
    publish(&server, &job);
    page.until("document.querySelector('#block-1.proven')").await;
    assert_eq!(page.eval("return performance.getEntriesByType('navigation').length").await, 1);
    // What provers call themselves is text.
    let held = server.get_job("<img src=x onerror='window.hacked=1'> two");
    page.until("document.querySelector('#block-2.proving')").await;

    // By keyboard: a block, and why it is not proven.
    page.press("#strip", &Key::Home.to_string()).await;
    page.press("#strip", &Key::Right.to_string()).await;
    page.until("document.querySelector('#block-2').getAttribute('aria-selected') === 'true'").await;
    page.until("document.querySelector('#block').textContent.includes('onerror')").await;

    // Read only, then with a wrong token, then with the right one.
    assert_eq!(page.eval("return document.querySelectorAll('#job-rows button').length").await, 0);
    let requeue = format!("button[aria-label='requeue job {}']", held["job_id"]);
    for (token, works) in [("wrong", false), (OPERATOR, true)] {
        page.click("#operator").await;
        page.press("#token", &format!("{token}{}", char::from(Key::Enter))).await;
        page.until(&format!("document.querySelector(\"{requeue}\")")).await;
        page.picture(if works { "operator" } else { "wrong-token" }).await;
        page.click(&requeue).await;
        if works {
            page.until("document.querySelector('#block-2.queued')").await;
            assert_eq!(page.text("#notice").await, "");
        } else {
            page.until("document.querySelector('#notice').textContent !== ''").await;
            assert_eq!(
                server.get(&format!("/api/v1/jobs/{}", held["job_id"])).json()["status"],
                "in_progress"
            );
        }
    }
    let drop_job = "button[aria-label='drop job 5']";
    page.click(drop_job).await;
    page.browser.accept_alert().await.unwrap();
    page.until("document.querySelector('#block-5.witnessed')").await;
    page.until(&format!("!document.querySelector(\"{drop_job}\")")).await;
    // It is tried again, and as bad as before.
    let found_at = || server.get("/api/v1/status").json()["blocks"]["quarantined"][0]["at_ms"].as_u64();
    let before = found_at();
    page.click("button[aria-label='retry block 8']").await;
    until(|| found_at().filter(|at| Some(*at) > before));
    page.until("document.querySelector('#block-8.quarantined')").await;
    assert_eq!(page.eval("return window.hacked ?? 0").await, 0);
    let refused = page.complaints().await;
    assert!(refused.iter().all(|entry| entry["message"].as_str().unwrap().contains("401")), "{refused:?}");

    // Dark, and narrow: nothing is cut off, nothing has moved.
    let brightness = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)";
    page.scheme("light").await;
    assert!(page.eval(brightness).await.as_u64().unwrap() > 600);
    page.scheme("dark").await;
    assert!(page.eval(brightness).await.as_u64().unwrap() < 150);
    page.picture("dark").await;
    page.scheme("light").await;
    let shifted = page.eval("return window.shifted").await.as_f64().unwrap();
    assert!(shifted < 0.01, "{shifted}: {}", page.eval("return window.movers").await);
    for width in [360, 768, 1920] {
        page.size(width, 900).await;
        page.until(&format!("innerWidth === {width}")).await;
        // Less than the window by the width of a scroll bar.
        let inside = page.eval("return document.scrollingElement.clientWidth").await;
        let wide = page.eval("return document.scrollingElement.scrollWidth").await;
        assert_eq!(wide, inside, "the page is wider than its window of {width}");
        page.picture(&format!("width-{width}")).await;
    }
    assert_eq!(page.complaints().await, Vec::<Value>::new());

    // The server goes and comes back: the page says so, and goes on. The port is another one, so this is the last of it.
    drop(server);
    page.until("!document.querySelector('#live').classList.contains('on')").await;
    page.browser.close().await.unwrap();
}

/// No browser is needed for it to move.
#[test]
fn a_live_demo_goes_on_until_it_is_interrupted_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_witness-server"))
        .args(["demo", "--live", "--set", "admin_listen=127.0.0.1:0"])
        .env_clear()
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let dashboard = line.strip_prefix("Dashboard: ").unwrap().trim_end_matches('/').to_owned();
    let get = |path: &str| support::http(&dashboard, "GET", path, None, "").accepted();
    assert!(get("/").text().contains("<title>witness-server</title>"));
    until(|| get("/api/v1/status").json()["blocks"]["verified"].as_u64().filter(|verified| *verified >= 4));
    assert!(get("/api/v1/provers").json()["provers"].as_array().unwrap().len() >= 4);
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

//! The dashboard in Chromium, driven through WebDriver: content, live updates, words of the state,
//! actions of an operator, and accessibility.
//!
//! `DASHBOARD_SCREENSHOTS=FOLDER` saves a picture of each step.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use zksync_witness_server::testing::internals::domain::sample_single_proof;

use crate::support::browser::{Driver, ENTER, ESCAPE, HOME, Page, RIGHT};
use crate::support::{
    Devnet, Server, http, input_of, npm, run_badly, run_well, sample_block, until, witnessed_sample,
};

const OPERATOR: &str = "token-of-an-operator";
const WRONG_COMMITMENT: &str = "Chain stops at block 8: wrong commitment";

/// Imports the sample chain with a wrong last block.
fn import_with_a_bad_block(folder: &Path, data: &Path) {
    let chain = folder.join("chain");
    fs::create_dir_all(chain.join("blocks")).unwrap();
    fs::copy("data/sample-chain/genesis.json", chain.join("genesis.json")).unwrap();
    for number in 1..=8 {
        let mut block = sample_block(number);
        if number == 8 {
            block["block"]["block_commitment"] = json!(format!("0x{}", "0".repeat(64)));
        }
        fs::write(chain.join(format!("blocks/{number:06}.json")), block.to_string()).unwrap();
    }
    // A block is quarantined, which the exit code says.
    run_badly(&["import", "--data-dir", data.to_str().unwrap(), chain.to_str().unwrap()], 1);
}

/// Returns the message that publishes a proof of a job of one block; a false one is of another
/// block.
fn proof(job: &Value, is_true: bool) -> String {
    let number = u32::try_from(job["first_block"].as_u64().unwrap()).unwrap();
    let proven = if is_true { number } else { number + 1 };
    let data = json!({"BlockProof": sample_single_proof(&input_of(&sample_block(proven)), 1)});
    json!({"job_id": job["job_id"], "first_block": number, "last_block": number, "data": data}).to_string()
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
    // A lease that ends meanwhile would move the rows.
    let leases = "gone_timeout=1h";
    let token = format!("operator_token_file={}", token.display());
    let server = Server::start(&data, &["--set", &token, "--set", leases]);
    server.wait_for("/jobs/idle", 7);

    // The page loads.
    let page = Page::open(&driver, &server.admin);
    page.until("document.querySelectorAll('#strip .queued').length === 7");
    assert_eq!(page.text("#head"), "8");
    assert_eq!(page.text("#to-witness"), "1");
    assert_eq!(page.text("#to-prove"), "7");
    assert_eq!(page.text("#chain-title"), "Chain, blocks 1–8");
    page.until("document.querySelectorAll('#job-rows tr').length === 7");
    page.until("document.querySelector('#block-8.quarantined')");
    assert!(page.text("#problem-list").contains("Block 8 is quarantined"));
    page.until("document.querySelector('#live').textContent === 'live'");
    assert!(page.text("#oldest").starts_with("1, "));
    page.picture("loaded");

    // A block is proven: the strip and the lanes update without a reload.
    let job = server.get_job("prover one");
    page.until("document.querySelector('#block-1.proving')");
    page.until("document.querySelector('#lanes .bar.working')");
    server.post("/publish", &proof(&job, true)).accepted();
    page.until("document.querySelector('#block-1.proven')");
    page.until("document.querySelector('#lanes .bar.accepted')?.getAttribute('aria-label').startsWith('block 1: accepted')");
    assert_eq!(page.eval("return performance.getEntriesByType('navigation').length"), 1);
    let refused = server.get_job("prover three");
    server.post("/publish", &proof(&refused, false)).refused(422, "proof_refused");
    page.until("document.querySelectorAll('#rejected-rows tr').length === 1");
    // Names of provers are shown as text, not as HTML.
    let held = server.get_job("<img src=x onerror='window.hacked=1'> two");
    let number = held["first_block"].as_u64().unwrap();
    page.until(&format!("document.querySelector('#block-{number}.proving')"));
    page.until("document.querySelector('#lanes').textContent.includes('onerror')");
    page.until("document.querySelector('#oldest').textContent.startsWith('2, ')");
    // Stages differ without their colours.
    let shapes = "return new Set(['queued', 'proving', 'proven', 'quarantined'].map((stage) => { \
        const { backgroundImage, borderStyle, borderRadius } = getComputedStyle(document.querySelector(`#strip .${stage}`)); \
        return [backgroundImage.replace(/rgb[^)]*\\)/g, ''), borderStyle, borderRadius].join(); })).size";
    assert_eq!(page.eval(shapes), 4);

    // The keyboard leads to a block, whose panel has an address.
    page.press("#block-1", &HOME.to_string());
    page.press("#block-1", &RIGHT.to_string().repeat(number as usize - 1));
    page.until(&format!("document.activeElement.id === 'block-{number}'"));
    page.press(&format!("#block-{number}"), &ENTER.to_string());
    page.until(&format!("location.hash === '#block={number}' && document.querySelector('#panel[open]')"));
    page.until("document.querySelector('#panel-text').textContent.includes('onerror')");
    page.until("document.querySelector('#timeline .working')?.textContent.includes('claimed by <img')");
    page.until("document.querySelectorAll('#kinds li').length > 0");
    assert_eq!(page.text("#panel-title"), format!("Block {number}"));
    page.picture("panel");
    page.press("#panel-title", &ESCAPE.to_string());
    page.until("location.hash === '' && !document.querySelector('#panel').open");
    page.eval("location.hash = '#block=1'");
    page.until("document.querySelector('#timeline').textContent.includes('proof accepted of prover one')");
    page.until("document.querySelector('#block-1').getAttribute('aria-current') === 'true'");

    // Without a token, with a wrong one, then with the right one.
    assert_eq!(page.eval("return document.querySelectorAll('#job-rows button, #files button').length"), 0);
    let requeue = format!("#job-rows button[aria-label='requeue job {}']", held["job_id"]);
    for (token, works) in [("wrong", false), (OPERATOR, true)] {
        page.click("#operator");
        page.press("#token", &format!("{token}{}", ENTER));
        page.until(&format!("document.querySelector(\"{requeue}\")"));
        page.picture(if works { "operator" } else { "wrong-token" });
        page.click(&requeue);
        if works {
            page.until(&format!("document.querySelector('#block-{number}.queued')"));
            page.until("document.querySelector('#notice').hidden");
        } else {
            page.until("document.querySelector('#notice').textContent !== ''");
            assert_eq!(
                server.get(&format!("/api/v1/jobs/{}", held["job_id"])).json()["status"],
                "in_progress"
            );
        }
    }
    page.downloads_to(folder.path());
    page.click("#files button[aria-label='download the bundle of block 1']");
    until(|| fs::read(folder.path().join("block-1.bundle")).ok().filter(|bundle| !bundle.is_empty()));
    page.click("#close-panel");
    let drop_job = "#job-rows button[aria-label='drop job 5']";
    page.click(drop_job);
    page.ask("POST", "alert/accept", json!({}));
    page.until("document.querySelector('#block-5.witnessed')");
    page.until(&format!("!document.querySelector(\"{drop_job}\")"));
    // The block is retried and quarantined again.
    let found_at = || server.get("/api/v1/status").json()["blocks"]["quarantined"][0]["at_ms"].as_u64();
    let before = found_at();
    page.click("#remedies button[aria-label='retry block 8']");
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
    for (motion, time) in [("no-preference", "0.4s"), ("reduce", "0s")] {
        page.media("prefers-reduced-motion", motion);
        let shown = "return getComputedStyle(document.querySelector('#block-1')).transitionDuration";
        assert_eq!(page.eval(shown), time, "{motion}");
    }
    // A job with two buttons, the widest row.
    let held = server.get_job("prover four");
    for width in [360, 768, 1280, 1920] {
        page.size(width, 900);
        page.until(&format!("innerWidth === {width}"));
        page.load(&server.admin);
        page.until(&format!(
            "document.querySelector(\"#job-rows button[aria-label='requeue job {}']\")",
            held["job_id"]
        ));
        page.picture(&format!("width-{width}"));
        page.has_not_shifted();
        assert_eq!(page.overflow(), 0, "at {width}");
        let cut = "return [...document.querySelectorAll('th, td.actions, dt, #headline, #sentence, #problem-list p')].filter((one) => one.closest('thead')?.offsetWidth !== 1 && one.scrollWidth > one.clientWidth).map((one) => one.textContent)";
        assert_eq!(page.eval(cut), json!([]), "is cut off at {width}");
        page.eval("location.hash = '#block=8'");
        page.until("document.querySelector('#panel-text').textContent.includes('quarantined')");
        assert_eq!(page.overflow(), 0, "with the panel at {width}");
        page.picture(&format!("panel-{width}"));
    }
    assert_eq!(page.complaints(), Vec::<Value>::new());
}

#[test]
#[ignore = "needs chromium-driver"]
fn the_state_is_said_in_words_in_the_page_and_its_title() {
    let driver = Driver::start();
    let page = Page::empty(&driver);
    let says = |level: &str, headline: &str, sentence: &str| {
        page.until(&format!("document.querySelector('#headline').textContent === '{headline}'"));
        page.until(&format!("document.querySelector('#sentence').textContent.includes('{sentence}')"));
        page.until(&format!("document.querySelector('#state').dataset.level === '{level}'"));
        page.until(&format!("document.title.includes('{headline}')"));
        let alarmed = ["bad", "wait", "off"].contains(&level);
        page.until(&format!("document.title.startsWith('⚠') === {alarmed}"));
        page.until("document.querySelector('link[rel=icon]').href.includes(encodeURIComponent(document.querySelector('#sign path').getAttribute('d')))");
        page.picture(&format!("state-{}", headline.replace([' ', ':'], "-")));
    };
    let folder = tempfile::tempdir().unwrap();
    let sample = |name: &str| {
        let data = folder.path().join(name);
        run_well(&["import", "--data-dir", data.to_str().unwrap(), "data/sample-chain"]);
        data
    };
    let serve = |data: &Path, more: &[&str]| {
        let server = Server::start(data, more);
        page.ask("POST", "url", json!({"url": server.admin}));
        server
    };

    let server = serve(&folder.path().join("empty"), &[]);
    says("idle", "Nothing is imported yet", "Import a genesis");
    // What has nothing to show is a line high.
    let highest = "return Math.max(...[...document.querySelectorAll('#provers, #rejected, #jobs, .pair section')].map((box) => box.offsetHeight))";
    assert!(page.eval(highest).as_u64().unwrap() < 60, "{}", page.eval(highest));
    drop(server);
    says("off", "No connection to the server", "What is shown is");

    let bad = folder.path().join("bad");
    import_with_a_bad_block(folder.path(), &bad);
    let server = serve(&bad, &[]);
    says("bad", WRONG_COMMITMENT, "revert to block 7");
    page.click("#remedies a");
    page.until("document.querySelector('#panel-text').textContent.includes('has been quarantined')");
    drop(server);

    let server = serve(&sample("disk"), &["--set", "min_free_bytes=900000GiB"]);
    says("bad", "Disk short: no new work", "proofs are still accepted");
    drop(server);

    let node = ["--node", "postgres://nobody@127.0.0.1:9/db", "--from", "0"];
    let server = serve(&folder.path().join("node"), &node);
    says("wait", "The node is out of reach", "tries again by itself");
    drop(server);

    let server = serve(&sample("chain"), &[]);
    server.wait_for("/jobs/idle", 8);
    says("wait", "8 jobs wait, and no prover asks", "Start provers");
    let job = server.get_job("prover one");
    says("busy", "Block 8 witnessed", "1 prover busy; 7 jobs wait for a prover");
    server.post("/publish", &proof(&job, true)).accepted();
    says("busy", "Block 1 proven", "7 jobs wait for a prover");
    server.post("/api/v1/jobs/2/drop", "").accepted();
    says("wait", "Block 2 has no job", "a retry creates it again");
    drop(server);

    let token = folder.path().join("operator-token");
    fs::write(&token, OPERATOR).unwrap();
    let token = format!("operator_token_file={}", token.display());
    let settings = ["--set", "max_attempts=1", "--set", "gone_timeout=1s", "--set", &token];
    let server = serve(&sample("failed"), &settings);
    server.wait_for("/jobs/idle", 8);
    for _ in 0..2 {
        server.get_job("prover one");
    }
    says("bad", "2 jobs failed", "Also: 6 jobs wait, and no prover asks");
    page.until("document.querySelectorAll('#lanes .bar.lost').length === 2");
    page.click("#operator");
    page.press("#token", &format!("{OPERATOR}{ENTER}"));
    let all = "#problem-actions button[aria-label='requeue all 2 failed jobs']";
    page.until(&format!("document.querySelector(\"{all}\")"));
    page.click(all);
    says("wait", "8 jobs wait, and no prover asks", "Start provers");
    page.click("#queue-actions button[aria-label='pause claims']");
    page.ask("POST", "alert/accept", json!({}));
    says("wait", "Claims are paused", "An operator paused them");
    assert_eq!(server.get_job("prover one")["job_id"], 0);
    page.click("#remedies button[aria-label='resume']");
    says("wait", "8 jobs wait, and no prover asks", "Start provers");
}

#[test]
#[ignore = "needs chromium-driver"]
fn lanes_show_refusals_and_an_operator_blocks_and_unblocks_provers() {
    const BAD: &str = "bad/1";
    let driver = Driver::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    witnessed_sample(&data);
    let token = folder.path().join("operator-token");
    fs::write(&token, OPERATOR).unwrap();
    let token = format!("operator_token_file={}", token.display());
    let server = Server::start(&data, &["--set", &token, "--set", "refusal_backoff=1h"]);
    server.wait_for("/jobs/idle", 8);
    let page = Page::open(&driver, &server.admin);
    page.until("document.querySelector('#live').textContent === 'live'");
    let pictures = |state: &str| {
        for width in [390, 1440] {
            page.size(width, 900);
            for scheme in ["light", "dark"] {
                page.scheme(scheme);
                page.eval("document.querySelector('#lanes').scrollIntoView({ block: 'center' })");
                assert_eq!(page.overflow(), 0, "{state} at {width}");
                let cut = "return [...document.querySelectorAll('.who > *')].filter((one) => one.scrollWidth > one.clientWidth && one.clientWidth).map((one) => one.textContent)";
                assert_eq!(page.eval(cut), json!([]), "is cut off at {width}, {state}");
                page.picture(&format!("lanes-{state}-{width}-{scheme}"));
            }
        }
    };
    let lane = |prover: &str, expression: &str| {
        page.until(&format!(
            "[...document.querySelectorAll('.lane')].some((lane) => \
             lane.querySelector('b').textContent === '{prover}' && {expression})"
        ));
    };

    // A refused proof has a bar with a sign and words of its own beside one in progress.
    let refused = server.get_job(BAD);
    server.post("/publish", &proof(&refused, false)).refused(422, "proof_refused");
    let held = server.get_job("good");
    let bar = "lane.querySelector('.bar.rejected')";
    lane(
        BAD,
        &format!("{bar}?.getAttribute('aria-label').startsWith('block 1: proof rejected, job 1, bad/1')"),
    );
    lane(BAD, "lane.querySelector('.counts').textContent === '0 accepted, 1 rejected'");
    lane(BAD, "lane.matches('.trouble') && lane.textContent.includes('suspended for ')");
    lane("good", "!lane.matches('.trouble') && lane.querySelector('.bar.working')");
    server.post("/publish", &proof(&held, true)).accepted();
    lane("good", "lane.querySelector('.bar.accepted')");
    assert_eq!(page.eval("return document.querySelectorAll('.lane button').length"), 0);

    // A pointer over a bar shows its details; of two taps the first does, and the second opens the block.
    let on_bar =
        |script: &str| page.eval(&format!("const bar = document.querySelector('.bar.rejected'); {script}"));
    let event = |name: &str, kind: &str| {
        on_bar(&format!(
            "bar.dispatchEvent(new PointerEvent('{name}', {{ bubbles: true, pointerType: '{kind}' }}))"
        ))
    };
    let details = "!document.querySelector('#tip').hidden && document.querySelector('#tip').textContent.startsWith('block 1: proof rejectedjob 1, bad/1')";
    event("pointerover", "mouse");
    page.until(details);
    event("pointerout", "mouse");
    page.until("document.querySelector('#tip').hidden");
    event("pointerdown", "touch");
    on_bar("bar.click()");
    page.until(details);
    assert_eq!(page.eval("return location.hash"), "");
    on_bar("bar.click()");
    page.until("location.hash === '#block=1'");
    page.click("#close-panel");

    // With the token, the operator ends the suspension, blocks the prover, and unblocks it.
    page.click("#operator");
    page.press("#token", &format!("{OPERATOR}{ENTER}"));
    let button = |what: &str| format!(".lane button[aria-label='{what} prover {BAD}']");
    let shown = |what: &str| page.until(&format!("document.querySelector(\"{}\")", button(what)));
    shown("unblock");
    pictures("suspended");
    assert_eq!(server.get_job(BAD)["job_id"], 0);
    page.click(&button("unblock"));
    shown("block");
    lane(BAD, "!lane.matches('.trouble') && lane.textContent.includes('seen ')");
    for answer in ["dismiss", "accept"] {
        page.click(&button("block"));
        let question = page.ask("GET", "alert/text", Value::Null);
        assert_eq!(question, "Block bad/1? It gets no job until it is unblocked.");
        page.ask("POST", &format!("alert/{answer}"), json!({}));
        if answer == "dismiss" {
            shown("block");
            assert_eq!(server.get("/api/v1/provers").json()["provers"][0]["blocked_at_ms"], Value::Null);
        }
    }
    shown("unblock");
    lane(BAD, "lane.matches('.trouble') && lane.textContent.includes('blocked by an operator')");
    pictures("blocked");
    assert_eq!(server.get_job(BAD)["job_id"], 0);
    page.click(&button("unblock"));
    shown("block");
    let held = server.get_job(BAD);
    assert_ne!(held["job_id"], 0);
    lane(BAD, "lane.querySelector('.bar.working')");
    pictures("working");
    assert_eq!(page.complaints(), Vec::<Value>::new());
}

#[test]
#[ignore = "needs chromium-driver"]
fn a_page_without_an_event_stream_polls_and_says_so() {
    let driver = Driver::start();
    let folder = tempfile::tempdir().unwrap();
    witnessed_sample(folder.path());
    let server = Server::start(folder.path(), &[]);
    let page = Page::empty(&driver);
    // A proxy that collects the whole response delivers no event.
    page.before_each_load("window.EventSource = class { addEventListener() {} close() {} };");
    page.load(&server.admin);
    page.until("document.querySelector('#live.polling')?.textContent.includes('no event stream arrives')");
    page.picture("polling");
    server.get_job("prover");
    page.until("document.querySelector('#block-1.proving')");
}

#[test]
#[ignore = "needs chromium-driver and npm"]
fn no_page_has_an_accessibility_fault() {
    let axe = npm::project("axe", &[]).join("node_modules/axe-core/axe.min.js");
    let axe = fs::read_to_string(axe).unwrap();
    let driver = Driver::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    import_with_a_bad_block(folder.path(), &data);
    let troubled = Server::start(&data, &[]);
    troubled.wait_for("/jobs/idle", 7);
    let refused = troubled.get_job("prover");
    troubled.post("/publish", &proof(&refused, false)).refused(422, "proof_refused");
    let devnet = Devnet::start(&["--traffic", "5", "--prove-time", "300ms"]);
    until(|| {
        let status = http(&devnet.board, "GET", "/api/v1/status", None, "").json();
        status["blocks"]["verified"].as_u64().filter(|verified| *verified > 1)
    });
    let page = Page::empty(&driver);
    let timeline = "['imported', 'witness built', 'queued as job', 'claimed by', 'proof accepted', 'aggregated', 'verified'].every((step) => \
        document.querySelector('#timeline').textContent.includes(step))";
    let figures = "document.querySelector('.lane .bar') && document.querySelector('#proven-rate').textContent.endsWith('/min') && \
        /yes|in about/.test(document.querySelector('#all-proven').textContent) && \
        [/^\\d+$/, /^\\d\\d:\\d\\d$/].every((value) => [...document.querySelectorAll('#rates text')].some((text) => value.test(text.textContent)))";
    for (url, ready) in [
        (format!("{}/", troubled.admin), "document.querySelector('#rejected-rows tr')"),
        (format!("{}/#block=8", troubled.admin), "document.querySelector('#kinds li')"),
        (format!("{}/#block=1", devnet.board), timeline),
        (format!("{}/", devnet.board), figures),
        (format!("{}/explorer#/block/1", devnet.board), "document.querySelector('#detail-rows tr')"),
    ] {
        for width in [390, 768, 1440] {
            for scheme in ["light", "dark"] {
                page.size(width, 900);
                page.scheme(scheme);
                // An address that differs in its fragment alone would not be loaded again.
                page.ask("POST", "url", json!({"url": "about:blank"}));
                page.ask("POST", "url", json!({"url": url}));
                page.until(&format!("document.querySelector('main:not([hidden])') && {ready}"));
                let faults = page.accessibility_faults(&axe);
                assert_eq!(faults, json!([]), "{url} at {width}, {scheme}");
                assert_eq!(page.overflow(), 0, "{url} at {width}");
                let name = url.replace("http://127.0.0.1:", "").replace(['/', '#'], "-");
                page.picture(&format!("axe-{name}-{width}-{scheme}"));
            }
        }
    }
}

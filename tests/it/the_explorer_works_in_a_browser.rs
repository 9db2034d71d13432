//! The explorer of a devnet in Chromium, driven through WebDriver; see
//! `the_dashboard_works_in_a_browser` for pictures.

use serde_json::json;

use crate::support::browser::{Driver, ENTER, Page};
use crate::support::{Devnet, until};

#[test]
#[ignore = "needs chromium-driver"]
fn blocks_transactions_and_accounts_are_shown() {
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
    let facts = page.text("#facts");
    // Whole tokens with their symbol, and the smallest unit.
    assert!(facts.contains(&format!(" ETH ({})", transfer["op"]["amount"].as_str().unwrap())), "{facts}");
    assert!(facts.contains("final") && !facts.contains("finalized"), "{facts}");
    page.picture("explorer-transaction");
    page.click("#facts a");
    page.until(&format!("{title} === 'Block {block}'"));
    page.until("document.querySelectorAll('#detail-rows tr').length > 0");
    let sender = transfer["op"]["from"].as_str().unwrap();
    shown(&format!("explorer#/account/{sender}"));
    page.until(&format!("{title}.startsWith('Account')"));
    page.until("document.querySelectorAll('#detail-rows tr').length > 1");
    assert!(page.text("#facts").contains(sender) && page.text("#facts").contains(" ETH"));
    page.press("#wanted", &format!("hello{ENTER}"));
    page.until(&format!("{title}.startsWith('Type the number of a block')"));
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

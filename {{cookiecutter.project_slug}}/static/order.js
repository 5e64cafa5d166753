// Follows an order on its page: asks how far it is and shows what has changed, until nothing will.
"use strict";

(() => {
  const EVERY_MS = 1000; // a step shows within a second of its happening
  const SLOWEST_MS = 5000; // in a hidden tab, after failures, and when an order takes long
  const PATIENT_AFTER = 120; // answers; an order that is not done after two minutes waits for something
  const TIMEOUT_MS = 5000;

  const progress = document.querySelector("[data-status-url]");
  if (!progress) return;
  const trouble = progress.querySelector("[data-trouble]");
  let answers = 0;
  let failures = 0;

  // Only what differs is written: a screen reader announces each write to a live region.
  function write(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function show(order) {
    for (const step of order.steps) {
      const line = progress.querySelector(`[data-step="${step.name}"]`);
      line.className = step.state;
      write(line.querySelector("[data-text]"), step.text);
      write(line.querySelector("[data-at]"), step.at);
    }
    write(progress.querySelector("[data-summary]"), order.summary);
    const packIn = document.querySelector("[data-pack-in]");
    write(packIn.querySelector("pre"), order.pack_in);
    packIn.hidden = order.pack_in === "";
  }

  function say(text) {
    write(trouble, text);
    trouble.hidden = text === "";
  }

  function delay() {
    const isSlow = document.hidden || answers > PATIENT_AFTER;
    return isSlow ? SLOWEST_MS : Math.min(EVERY_MS * 2 ** failures, SLOWEST_MS);
  }

  // Returns whether there is more to come.
  async function ask() {
    const response = await fetch(progress.dataset.statusUrl, {
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status === 403 || response.status === 404) {
      say("You are logged out. Log in again to follow your order.");
      return false;
    }
    if (!response.ok) throw new Error(`status ${response.status}`);
    const order = await response.json();
    show(order);
    say("");
    return !order.is_settled;
  }

  async function follow() {
    timer = null;
    try {
      if (!(await ask())) return;
      answers += 1;
      failures = 0;
    } catch {
      failures += 1;
      say("We cannot reach the shop right now. Your order is kept; this page goes on trying.");
    }
    timer = setTimeout(follow, delay());
  }

  let timer = setTimeout(follow, EVERY_MS);
  // Somebody who comes back to the tab sees the state of now, not of up to five seconds ago.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || timer === null) return; // null: it is being asked, or has ended
    clearTimeout(timer);
    follow();
  });
})();

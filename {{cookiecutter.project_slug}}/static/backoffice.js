// Follows a running rebuild: shows how far it is, and loads the page anew when it has ended.
"use strict";

(() => {
  const EVERY_MS = 1000; // some customers are done in each second
  const SLOWEST_MS = 10000; // in a hidden tab, and after failures
  const TIMEOUT_MS = 5000;

  const card = document.querySelector("[data-status-url]");
  if (!card) return;
  const sentence = card.querySelector("[data-sentence]");
  const trouble = card.querySelector("[data-trouble]");
  const bar = card.querySelector("progress");
  let failures = 0;

  // Only what differs is written: a screen reader announces each write to a live region.
  function write(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function say(text) {
    write(trouble, text);
    trouble.hidden = text === "";
  }

  function show(progress) {
    bar.max = progress.total;
    bar.value = progress.done;
    write(sentence, progress.sentence);
    say("");
  }

  // Returns whether there is more to come.
  async function ask() {
    const response = await fetch(card.dataset.statusUrl, {
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status === 403) {
      say("You are logged out, or not staff any more. The rebuild goes on.");
      return false;
    }
    if (!response.ok) throw new Error(`status ${response.status}`);
    const progress = await response.json();
    // Anew by its address, not by reload(): the answer of a form is never sent again.
    if (!progress.is_running) location.replace(location.pathname + location.search);
    else show(progress);
    return progress.is_running;
  }

  async function follow() {
    try {
      if (!(await ask())) return;
      failures = 0;
    } catch {
      failures += 1;
      say("The shop does not answer right now. The rebuild goes on; this page keeps trying.");
    }
    const wait = document.hidden ? SLOWEST_MS : EVERY_MS * 2 ** failures;
    setTimeout(follow, Math.min(wait, SLOWEST_MS));
  }

  setTimeout(follow, EVERY_MS);
})();

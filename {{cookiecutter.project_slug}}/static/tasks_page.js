// Keeps the page "Tasks" as things are, part by part, without taking away what somebody is using.
"use strict";

(() => {
  const EVERY_MS = 5000; // a person watches a queue empty
  const SLOWEST_MS = 30000; // in a hidden tab, and after failures
  const TIMEOUT_MS = 8000;

  const frame = document.querySelector("[data-state]");
  if (!frame) return;
  const trouble = document.querySelector("[data-trouble]");
  let failures = 0;

  function say(text) {
    if (trouble.textContent !== text) trouble.textContent = text;
    trouble.hidden = text === "";
  }

  // A part in which somebody has opened something, or stands on something, stays until they leave.
  function isUsed(part) {
    return part.querySelector("details[open]") || part.contains(document.activeElement);
  }

  function show(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").querySelector("[data-state]");
    const parts = [...frame.querySelectorAll("[data-part]")];
    const others = [...fresh.querySelectorAll("[data-part]")];
    const names = (all) => all.map((part) => part.dataset.part).join("\n");
    if (names(parts) !== names(others)) {
      // A queue came or went: the page as a whole, unless somebody is at it.
      if (!parts.some(isUsed)) frame.innerHTML = fresh.innerHTML;
      return;
    }
    parts.forEach((part, at) => {
      // Only what differs: a screen reader announces each write to a live region.
      if (part.innerHTML !== others[at].innerHTML && !isUsed(part)) part.innerHTML = others[at].innerHTML;
    });
  }

  // Returns whether to go on.
  async function ask() {
    const response = await fetch(location.pathname, {
      cache: "no-store",
      redirect: "manual", // to the login page, which would look like a good answer
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status === 403 || response.type === "opaqueredirect") {
      say("You are logged out, or may not see tasks any more. What stands here is old.");
      return false;
    }
    if (!response.ok) throw new Error(`status ${response.status}`);
    show(await response.text());
    say("");
    return true;
  }

  async function follow() {
    try {
      if (!(await ask())) return;
      failures = 0;
    } catch {
      failures += 1;
      say("The shop does not answer right now. What stands here is old; this page keeps trying.");
    }
    const wait = document.hidden ? SLOWEST_MS : EVERY_MS * 2 ** failures;
    setTimeout(follow, Math.min(wait, SLOWEST_MS));
  }

  setTimeout(follow, EVERY_MS);
})();

// Keeps the page "Tasks" as things are, part by part, without taking away what somebody is using.
"use strict";

(() => {
  const frame = document.querySelector("[data-state]");
  if (!frame) return;

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

  async function ask(say) {
    const response = await answerOf(location.pathname, 403, REDIRECT);
    if (!response.ok) {
      say("You are logged out, or may not see tasks any more. What stands here is old.");
      return false;
    }
    show(await response.text());
    return true;
  }

  follow({
    ask,
    trouble: document.querySelector("[data-trouble]"),
    apology: "The shop does not answer right now. What stands here is old; this page keeps trying.",
    everyMs: 5000, // a person watches a queue empty
    slowestMs: 30000,
  });
})();

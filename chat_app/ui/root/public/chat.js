// What happens in the page besides Chainlit: markers open their source, and the session stays fresh.

// Chainlit knows light or dark as a default; ours is what the system says, until somebody chooses.
if (!localStorage.getItem("vite-ui-theme")) localStorage.setItem("vite-ui-theme", "system");

const REFRESH_EVERY_MS = 20 * 60 * 1000;

// What is clicked while an answer is still coming waits for its Sources element, which takes it when it is there.
function tell(type, detail) {
  window.kfWaiting = { type, detail };
  window.dispatchEvent(new CustomEvent(type, { detail }));
}

// A marker [n] is a link to #cite-n; the Sources element under the same message knows the passage.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest('a[href^="#cite-"], a[href="#unsupported"]');
  if (!link) return;
  event.preventDefault();
  const message = link.closest('[id^="step-"]');
  const number = Number(link.getAttribute("href").slice("#cite-".length));
  if (message && number) {
    tell("kf-cite", { messageId: message.id.slice("step-".length), number });
  }
}, true);

// A question that is offered in a reply is a link to #ask; the element under the same message asks it.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest('a[href="#ask"]');
  if (!link) return;
  event.preventDefault();
  const message = link.closest('[id^="step-"]');
  if (!message) return;
  tell("kf-ask", { messageId: message.id.slice("step-".length), question: link.textContent });
}, true);

// The page of one's own files leads back here; Chainlit's link keeps to itself where it was followed.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest('a[href="/files"]');
  if (link) sessionStorage.setItem("kf-left", window.location.pathname);
}, true);

async function refresh() {
  try {
    await fetch("/api/v1/auth/refresh", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: "{}", credentials: "same-origin",
    });
  } catch (error) {
    console.info("The session is refreshed later.", error);
  }
}
setInterval(refresh, REFRESH_EVERY_MS);

// What the server tells the page: the address a conversation gets with its first message, so that reloading comes back
// to it; and that an old one is about to be shown.
window.addEventListener("message", (event) => {
  if (event.source !== window || event.origin !== window.location.origin) return;
  const { kfThread, kfResumed } = event.data || {};
  if (kfThread && /^\/chat\/?$/.test(window.location.pathname)) history.replaceState(history.state, "", `/chat/thread/${kfThread}`);
  if (kfResumed) openAtTheEnd();
});

// A conversation that is opened again shows its newest message, also when pictures and sources come in later; until the
// reader touches it.
let leaveTheEnd = () => {};
function openAtTheEnd() {
  leaveTheEnd();
  const scrolled = () => {
    const first = document.querySelector(".step");
    return first && first.parentElement.parentElement;
  };
  const goToTheEnd = () => {
    const box = scrolled();
    if (!box) return;
    // Chainlit measures anew how much room the last question needs to stand at the top.
    window.dispatchEvent(new Event("resize"));
    box.scrollTop = box.scrollHeight;
  };
  const grown = new ResizeObserver(goToTheEnd);
  const shown = new MutationObserver(() => {
    const box = scrolled();
    if (!box) return;
    shown.disconnect();
    grown.observe(box.firstElementChild);
  });
  const touched = ["wheel", "touchstart", "pointerdown", "keydown"];
  leaveTheEnd = () => {
    grown.disconnect();
    shown.disconnect();
    touched.forEach((name) => window.removeEventListener(name, leaveTheEnd, true));
  };
  touched.forEach((name) => window.addEventListener(name, leaveTheEnd, true));
  shown.observe(document.body, { childList: true, subtree: true });
}

// Chainlit's search of conversations has one sentence for "none yet" and for "none found". Its text node stays, so that
// the page may take it away again.
const NONE_FOUND = navigator.language.startsWith("de") ? (text) => `Keine Unterhaltung erwähnt „${text}“.` : (text) => `No conversation mentions “${text}”.`;
new MutationObserver(() => {
  const empty = document.querySelector("[role=dialog] [cmdk-empty]");
  const looked = document.querySelector("[role=dialog] [cmdk-input]")?.value.trim();
  if (!empty || !looked || empty.querySelector("svg")) return;
  const said = document.createTreeWalker(empty, NodeFilter.SHOW_TEXT).nextNode();
  if (said && said.nodeValue !== NONE_FOUND(looked)) said.nodeValue = NONE_FOUND(looked);
}).observe(document.body, { childList: true, subtree: true });

// Chainlit goes to its own sign-in page without asking the server; ours is elsewhere.
function leaveChainlitsSignIn() {
  if (window.location.pathname === "/chat/login") window.location.replace("/login");
}
for (const name of ["pushState", "replaceState"]) {
  const original = history[name];
  history[name] = function (...given) {
    const result = original.apply(this, given);
    leaveChainlitsSignIn();
    return result;
  };
}
leaveChainlitsSignIn();

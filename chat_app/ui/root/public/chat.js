// What happens in the page besides Chainlit: markers open their source, and the session stays fresh.

// Chainlit knows light or dark as a default; ours is what the system says, until somebody chooses.
if (!localStorage.getItem("vite-ui-theme")) localStorage.setItem("vite-ui-theme", "system");

const REFRESH_EVERY_MS = 20 * 60 * 1000;

// A marker [n] is a link to #cite-n; the Sources element under the same message knows the passage.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest('a[href^="#cite-"], a[href="#unsupported"]');
  if (!link) return;
  event.preventDefault();
  const message = link.closest('[id^="step-"]');
  const number = Number(link.getAttribute("href").slice("#cite-".length));
  if (message && number) {
    const detail = { messageId: message.id.slice("step-".length), number };
    window.dispatchEvent(new CustomEvent("kf-cite", { detail }));
  }
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

// A conversation gets its address with its first message, so that reloading comes back to it.
window.addEventListener("message", (event) => {
  if (event.source !== window || event.origin !== window.location.origin) return;
  const thread = event.data && event.data.kfThread;
  if (thread && window.location.pathname === "/chat/") history.replaceState(history.state, "", `/chat/thread/${thread}`);
});

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

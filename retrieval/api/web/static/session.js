// A session that ended is opened again in another tab, while this page keeps what it has.

const dialog = document.getElementById("session-dialog");
const csrfPlace = document.querySelector('meta[name="csrf"]');
const CHANNEL = "rollcall-session";
const EVERY_MS = 4000; // while the dialog waits: for browsers in which the other tab cannot speak

let waiting = null;

export const csrf = () => csrfPlace?.content ?? "";

// The session's token anew: true where there is a session (or none is needed).
export async function renew() {
  const answer = await fetch("/session", { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return false;
  const session = await answer.json();
  if (csrfPlace) csrfPlace.content = session.csrf;
  return true;
}

// Ask for a login; resolves with true once there is one, with false where the page is left.
export function loggedInAgain() {
  waiting ??= ask().finally(() => { waiting = null; });
  return waiting;
}

function ask() {
  return new Promise((done) => {
    const channel = new BroadcastChannel(CHANNEL);
    const controller = new AbortController();
    const finish = (renewed) => {
      controller.abort();
      channel.close();
      clearInterval(timer);
      dialog.close();
      done(renewed);
    };
    const look = async () => { if (await renew()) finish(true); };
    const timer = setInterval(() => { if (!document.hidden) look(); }, EVERY_MS);
    channel.addEventListener("message", look);
    window.addEventListener("focus", look, { signal: controller.signal });
    dialog.addEventListener("cancel", (event) => event.preventDefault(), { signal: controller.signal });
    document.getElementById("session-leave").addEventListener("click", () => {
      finish(false);
      window.dispatchEvent(new Event("leaving"));
      location.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
    }, { signal: controller.signal });
    dialog.showModal();
    document.getElementById("session-login").focus();
  });
}

export function tellOthers() {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage("logged in");
  channel.close();
}

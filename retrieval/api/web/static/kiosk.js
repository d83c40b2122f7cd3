// A tablet at a door: the camera's picture goes to the service, which says who stands there.

import { t } from "./messages.js";

const EVERY_MS = 700;
const SHOWN_MS = 6000;
const MOST_WAITING = 40; // pictures that are kept while there is no network
const SIDE = 640;
const KEPT = "rollcall-kiosk-waiting";

const at = (id) => document.getElementById(id);
const video = at("camera");
const canvas = document.createElement("canvas");
let key = sessionStorage.getItem("rollcall-kiosk-key") ?? "";
let current = null;
let until = 0;
let waiting = JSON.parse(localStorage.getItem(KEPT) ?? "[]");

const headers = () => (key ? { Authorization: `Bearer ${key}` } : {});

function say(state, greeting, time = "", hint = "") {
  document.body.dataset.state = state;
  if (at("greeting").textContent !== greeting) at("greeting").textContent = greeting;
  at("time").textContent = time;
  at("hint").textContent = hint;
  at("buttons").hidden = state !== "seen";
  at("again").hidden = state !== "refused" || current === null;
}

function tellNetwork(fails) {
  const kept = waiting.length;
  at("network").textContent = fails
    ? t("No network. Pictures kept to be sent later: {count}", { count: kept })
    : "";
}

function keep(picture) {
  const reader = new FileReader();
  reader.onload = () => {
    waiting = [...waiting, { picture: reader.result, moment: new Date().toISOString() }].slice(-MOST_WAITING);
    localStorage.setItem(KEPT, JSON.stringify(waiting));
    tellNetwork(true);
  };
  reader.readAsDataURL(picture);
}

async function post(path, form) {
  const answer = await fetch(path, { method: "POST", headers: headers(), body: form });
  if (answer.status === 401 || answer.status === 403) {
    at("login").hidden = false;
    at("key").focus();
    return null;
  }
  if (answer.status >= 500) throw new TypeError("busy");
  return answer.ok ? answer.json() : { state: "unusable" };
}

function form(picture, moment = "") {
  const made = new FormData();
  made.append("photo", picture, "kiosk.jpg");
  if (moment) made.append("moment", moment);
  return made;
}

async function sendWaiting() {
  while (waiting.length) {
    const [{ picture, moment }] = waiting;
    const bytes = Uint8Array.from(atob(picture.split(",")[1]), (c) => c.charCodeAt(0));
    if ((await post("/v1/kiosk/frames", form(new Blob([bytes], { type: "image/jpeg" }), moment))) === null) return;
    waiting = waiting.slice(1);
    localStorage.setItem(KEPT, JSON.stringify(waiting));
  }
}

function show(answer) {
  if (answer.state === "seen") {
    current = answer.sighting;
    until = Date.now() + SHOWN_MS;
    say("seen", answer.person, answer.time ?? "", answer.again ? t("You were noted today already.") : t("You are noted."));
  } else if (answer.state === "picture") {
    say("picture", t("This looks like a picture"), "", t("Step before the camera yourself."));
  } else if (Date.now() > until) {
    current = null;
    const hints = {
      several: t("One at a time, please."),
      unknown: t("You are not known here."),
      unusable: t("Come closer and look into the camera."),
    };
    say("waiting", t("Step before the camera"), "", hints[answer.state] ?? "");
  }
}

async function look() {
  if (!at("login").hidden || !video.videoWidth || document.body.dataset.state === "judging") return;
  const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight));
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  const picture = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
  try {
    if (waiting.length) await sendWaiting();
    const answer = await post("/v1/kiosk/frames", form(picture));
    tellNetwork(false);
    if (answer !== null && document.body.dataset.state !== "judging") show(answer);
  } catch {
    keep(picture);
  }
}

async function judge(what) {
  const sighting = current;
  if (sighting === null) return;
  document.body.dataset.state = "judging";
  try {
    const answer = await post(`/v1/kiosk/sightings/${sighting}/${what}`);
    if (answer === null) return;
    until = Date.now() + SHOWN_MS;
    if (what === "refuse") say("refused", t("Taken back"), "", t("You are not noted. Ask somebody to note you."));
    else say("seen", answer.person, answer.time ?? "", t("Thank you."));
  } catch {
    say("waiting", t("Try once more"));
  }
}

async function begin() {
  for (;;) {
    const began = Date.now();
    if (!(document.body.dataset.state === "refused" && Date.now() < until)) await look();
    await new Promise((done) => setTimeout(done, Math.max(EVERY_MS - (Date.now() - began), 50)));
  }
}

at("confirm").addEventListener("click", () => judge("confirm"));
at("refuse").addEventListener("click", () => judge("refuse"));
at("undo").addEventListener("click", () => judge("undo"));
at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  key = at("key").value.trim();
  sessionStorage.setItem("rollcall-kiosk-key", key);
  at("key").value = "";
  at("login").hidden = true;
});

try {
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" }, audio: false });
} catch {
  say("waiting", t("The camera cannot be used"), "", t("Allow the camera for this page, then load it again."));
}
tellNetwork(false);
begin();

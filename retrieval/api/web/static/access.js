// Users and keys: make, end, and show what is shown once.

import { acting, address, call, copied, ready, showProblem } from "./api.js";
import { t } from "./messages.js";

const by = (id) => document.getElementById(id);
let ending = null;

function showSecret(title, about, text) {
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  by("secret-title").textContent = title;
  by("secret-about").textContent = about;
  by("secret").value = text;
  by("secret-dialog").showModal();
  by("secret").select();
}

function showLink(made) {
  showSecret(
    t("A link for {name}", { name: made.user.name }),
    t("Send it to them. It lets them in once, to choose a password."),
    made.link,
  );
}

function submits(form, act) {
  by(form).addEventListener("submit", async (event) => {
    event.preventDefault();
    const problem = by(form).querySelector("[data-problem]");
    problem.hidden = true;
    try {
      await act();
    } catch (error) {
      showProblem(problem, error);
    }
  });
}

submits("user-form", async () => {
  const json = { name: by("user-name").value.trim(), role: by("user-role").value, collection: by("user-scope").value || null };
  showLink(await call("POST", "/v1/users", { json }));
});

submits("key-form", async () => {
  const json = { name: by("key-name").value.trim(), role: by("key-role").value, collection: by("key-scope").value || null };
  const made = await call("POST", "/v1/keys", { json });
  const kiosk = address("/kiosk", { collection: json.collection });
  const to = made.role === "kiosk" ? t("Open {address} on the tablet at the door and log in with it.", { address: kiosk }) : t("Give it to the program.");
  showSecret(t("The key {name}", { name: made.name }), `${to} ${t("It is kept nowhere: a lost key is ended and another one made.")}`, made.key);
});

submits("end-form", async () => {
  await call("DELETE", ending);
  location.reload();
});

function ends(button, path) {
  button.addEventListener("click", () => {
    ending = path;
    by("end-title").textContent = t("End {name}?", { name: button.dataset.name });
    by("end-dialog").showModal();
  });
}

document.querySelectorAll("[data-end]").forEach((button) => ends(button, `/v1/users/${encodeURIComponent(button.dataset.end)}`));
document.querySelectorAll("[data-revoke]").forEach((button) => ends(button, `/v1/keys/${encodeURIComponent(button.dataset.revoke)}`));
document.querySelectorAll("[data-link]").forEach((button) => {
  button.addEventListener("click", () => acting(async () => {
    showLink(await call("POST", `/v1/users/${encodeURIComponent(button.dataset.link)}/link`));
  }));
});

by("secret-copy").addEventListener("click", async () => {
  if (await copied(by("secret").value)) by("secret-copy").textContent = t("Copied");
  else by("secret").select();
});
by("secret-done").addEventListener("click", () => location.reload());
by("secret-dialog").addEventListener("cancel", () => location.reload());

ready(import.meta.url);

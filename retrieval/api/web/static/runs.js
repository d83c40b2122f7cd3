// Start a run from an archive or a folder on the server.

import { mayEdit, pageOf, ready, showProblem } from "./api.js";
import { sendFile } from "./sending.js";

const by = (id) => document.getElementById(id);

let busy = false;

async function start(form, name) {
  if (busy) return;
  busy = true;
  by("problem").hidden = true;
  try {
    const run = await sendFile(by("sending"), { path: "/v1/runs", form, name });
    if (run) location.assign(pageOf(`/runs/${run.run}`));
  } catch (error) {
    showProblem(by("problem"), error);
  } finally {
    busy = false;
  }
}

function startArchive(file) {
  const form = new FormData();
  form.append("archive", file);
  start(form, file.name);
}

if (mayEdit && by("archive-form")) {
  by("archive").addEventListener("change", (event) => {
    if (event.target.files.length) startArchive(event.target.files[0]);
    event.target.value = ""; // so that the same file can be chosen again
  });
  document.body.addEventListener("dragover", (event) => event.preventDefault());
  document.body.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) startArchive(event.dataTransfer.files[0]);
  });
  by("folder-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData();
    form.append("folder", by("folder").value.trim());
    start(form, by("folder").value.trim());
  });
}

ready(import.meta.url);

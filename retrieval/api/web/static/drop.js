// What people drop or choose: photos, folders, archives, videos; what is none of these says why.

import { n, number, t } from "./messages.js";

const PHOTO = /\.(jpe?g|jpe|jfif|jfi|jif|mpo|a?png|webp|heics?|heifs?|hif|avifs?|tiff?|bmp|dib|gif|p[npgb]m|jp2|j2k|j2c|jpc|jpf|jpx)$/i;
const ARCHIVE = /\.(zip|tar|tgz|tar\.gz|tar\.bz2|tar\.xz)$/i;
const VIDEO = /\.(3gp|asf|avi|flv|m2ts|m4v|mkv|mov|mp4|mpe?g|mts|ogv|ts|vob|webm|wmv|y4m)$/i;
const HIDDEN = /(^|\/)(\.|__MACOSX|@eaDir)/;

const PDF = /\.pdf$/i;

const kindOf = (file) => {
  if (PDF.test(file.name)) return "others";
  if (ARCHIVE.test(file.name)) return "archives";
  if (VIDEO.test(file.name) || file.type.startsWith("video/")) return "videos";
  if (PHOTO.test(file.name) || file.type.startsWith("image/")) return "photos";
  return "others";
};

// Files sorted by what they are, with the name of the folder that they came in, if it is one.
// `most`: bytes that a request may have.
export function sorted(files, most = Infinity) {
  const found = { photos: [], archives: [], videos: [], others: [], tooLarge: [], folder: null };
  const folders = new Set();
  for (const file of files) {
    const path = file.path ?? (file.webkitRelativePath || file.name);
    if (HIDDEN.test(path)) continue;
    folders.add(path.includes("/") ? path.split("/")[0] : "");
    const kind = kindOf(file);
    const whole = kind === "archives" || kind === "videos"; // sent in one request
    found[whole && file.size >= most ? "tooLarge" : kind].push(file);
  }
  const [only] = folders;
  if (folders.size === 1 && only) found.folder = only;
  return found;
}

// What an element's data say of what the service takes.
export const limitsOf = ({ queue, video, mostBytes }) => ({ queue: queue === "true", video: video === "true", most: Number(mostBytes) });

// Why files cannot be taken, in a sentence; null where all can.
export function whyNot({ photos, archives, videos, others, tooLarge }, { queue, video, most }) {
  const told = tooLarge.map(({ name }) => t("{name} is too large to be sent: it may have {most} MB. Unpack an archive and drop its folder, or cut a video.", { name, most: number(Math.floor(most / 1e6)) }));
  const pdfs = others.filter((file) => PDF.test(file.name));
  if (pdfs.length) told.push(t("{name} is a PDF, not a photo. Save its pages or pictures as JPEG or PNG, and drop those.", { name: pdfs[0].name }));
  const rest = others.length - pdfs.length;
  if (rest) told.push(n("{count} file is no photo and was passed over.", "{count} files are no photos and were passed over.", rest));
  if (archives.length && !queue) told.push(t("Archives cannot be taken here just now: unpack the archive, and drop the folder."));
  if (videos.length && !video) told.push(n("{count} video was passed over: this service takes photos.", "{count} videos were passed over: this service takes photos.", videos.length));
  if (!told.length && !photos.length && !archives.length && !videos.length) told.push(t("There is no photo in it."));
  return told.length ? told.join(" ") : null;
}

async function filesIn(entry, path = "") {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    file.path = path + file.name;
    return [file];
  }
  const reader = entry.createReader();
  const entries = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) break;
    entries.push(...some);
  }
  const found = [];
  for (const each of entries) found.push(...await filesIn(each, `${path}${entry.name}/`));
  return found;
}

async function filesOf(transfer) {
  const entries = [...(transfer?.items ?? [])].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...(transfer?.files ?? [])];
  const found = await Promise.all(entries.map((entry) => filesIn(entry)));
  return found.flat();
}

// Files may be dropped anywhere on the page; `take` gets all of them, folders' as well.
export function acceptDrops(take, signal) {
  let depth = 0;
  const over = (on) => document.body.classList.toggle("dropping", on);
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const on = (name, act) => document.addEventListener(name, act, { signal });
  on("dragenter", (event) => { if (hasFiles(event)) { event.preventDefault(); depth += 1; over(true); } });
  on("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  on("dragleave", () => { depth = Math.max(depth - 1, 0); if (!depth) over(false); });
  on("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    over(false);
    const files = await filesOf(event.dataTransfer);
    if (files.length) take(files);
  });
  on("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) take(files);
  });
}

export function acceptChoices(input, take) {
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    if (files.length) take(files);
  });
}

// What the service says of errors, in the page's language and without what its viewers have not:
// as `languages/told.py` and `without_commands` do.

const { service: address, commands } = document.documentElement.dataset;
const BETWEEN = /(?<=[.!?;])\s+/; // sentences, and halves of them
const COMMANDS = commands ? new RegExp(commands) : null; // of the command line, and names of settings

const point = new Intl.NumberFormat(document.documentElement.lang).formatToParts(0.5).find((part) => part.type === "decimal").value;
let words = null;

function known() {
  words ??= fetch(address).then((answer) => answer.json()).then((pairs) => pairs.map(([expression, text]) => [new RegExp(`^(?:${expression})$`), text]));
  return words;
}

// What was measured has this language's point.
const figure = (value) => (/^\d+\.\d+$/.test(value) ? value.replace(".", point) : value);

function translated(sentence, pairs) {
  for (const [expression, text] of pairs) {
    const found = expression.exec(sentence);
    if (found) return text.replace(/\{(\d+)\}/g, (place, number) => translated(found[number], pairs) ?? figure(found[number]));
  }
  return null;
}

function worded(message, pairs) {
  const parts = message.split(BETWEEN).map((part) => translated(part, pairs));
  if (!parts.includes(null)) return parts.join(" ");
  return translated(message, pairs) ?? message; // a value may hold sentences
}

const LISTS = ["rejected", "photos", "edits", "entries"]; // of a document: what was not taken or was edited, with a message each
const SENTENCES = ["not_compared"]; // of a document: plain texts
const ERRORS = ["detail", "message", "error", "problem"];
const FIELDS = [...ERRORS, "summary"];

const withoutCommands = (message) => message.split(BETWEEN).filter((part) => !COMMANDS?.test(part)).join(" ").replace(/;$/, ".");

// The messages of an answer in the page's language.
export async function inWords(answer) {
  if (answer === null || typeof answer !== "object") return answer;
  const rows = [answer, answer.edit, ...LISTS.flatMap((name) => (Array.isArray(answer[name]) ? answer[name] : []))];
  for (const row of rows) {
    for (const field of ERRORS) if (typeof row?.[field] === "string") row[field] = withoutCommands(row[field]);
  }
  if (!address) return answer;
  const texts = SENTENCES.map((name) => answer[name]).filter(Array.isArray);
  const told = [
    ...rows.flatMap((row) => FIELDS.filter((field) => typeof row?.[field] === "string").map((field) => [row, field])),
    ...texts.flatMap((list) => [...list.keys()].map((place) => [list, place])),
  ];
  if (!told.length) return answer;
  const pairs = await known();
  for (const [row, field] of told) row[field] = worded(row[field], pairs);
  return answer;
}

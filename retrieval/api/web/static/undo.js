// The bar that offers to take back what was just done, on this page.

const bar = document.getElementById("undo-bar");

let act = null; // what the page itself takes back, in place of an edit of people

// Offer to take something back; `back` does it.
export function offerUndo(text, back) {
  act = back;
  document.getElementById("undo-text").textContent = text;
  bar.hidden = false;
}

// What is to be taken back by the page, once; null where it is an edit of people.
export function takenBack() {
  const back = act;
  act = null;
  return back;
}

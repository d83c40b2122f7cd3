// The bar that offers to take back what was just done, on this page.

const bar = document.getElementById("undo-bar");

let act = null; // what the page itself takes back, in place of an edit of people

// Offer to take something back; `back` does it.
export function offerUndo(text, back) {
  act = back;
  document.getElementById("undo-text").textContent = text;
  bar.hidden = false;
}

// Take back what the page itself offered, once; null where an edit of people is offered.
export function takenBack() {
  const back = act;
  return back?.().then(() => {
    if (act !== back) return;
    act = null;
    bar.hidden = true;
  });
}

// Lists with one tab stop: arrows, j and k, Home and End move the focus within.

const STEPS = { ArrowRight: 1, j: 1, ArrowLeft: -1, k: -1 };

// Keys that are typed into a field are not commands.
const isTyping = (event) => event.target.closest?.("input:not([type=checkbox], [type=radio], [type=range], [type=file]), textarea, select, [contenteditable]") !== null;
export const isCommand = (event) => !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event);

export function roving(list, selector) {
  const items = () => [...list.querySelectorAll(selector)].filter((item) => item.offsetParent !== null || item === document.activeElement);

  function settle(wanted) {
    const all = [...list.querySelectorAll(selector)];
    const chosen = all.includes(wanted) ? wanted : all.find((item) => item.tabIndex === 0) ?? all[0];
    for (const item of all) item.tabIndex = item === chosen ? 0 : -1;
    return chosen;
  }

  // The item of the next row that lies nearest below (or above), as eyes would go.
  function vertically(from, down) {
    const here = from.getBoundingClientRect();
    const middle = here.left + here.width / 2;
    let best = null;
    let least = Infinity;
    for (const item of items()) {
      const there = item.getBoundingClientRect();
      const away = down ? there.top - here.top : here.top - there.top;
      if (away < 4) continue;
      const distance = away * 4 + Math.abs(there.left + there.width / 2 - middle);
      if (distance < least) [best, least] = [item, distance];
    }
    return best;
  }

  list.addEventListener("keydown", (event) => {
    const from = event.target.closest(selector);
    if (!from || !list.contains(from) || !isCommand(event)) return;
    const all = items();
    let to = null;
    if (event.key in STEPS) to = all[all.indexOf(from) + STEPS[event.key]];
    else if (event.key === "ArrowDown") to = vertically(from, true);
    else if (event.key === "ArrowUp") to = vertically(from, false);
    else if (event.key === "Home") to = all[0];
    else if (event.key === "End") to = all.at(-1);
    else return;
    event.preventDefault();
    if (to) settle(to).focus();
  });
  list.addEventListener("focusin", (event) => {
    const item = event.target.closest(selector);
    if (item) settle(item);
  });
  new MutationObserver(() => settle(null)).observe(list, { childList: true, subtree: true });
  settle(null);
  return { settle };
}

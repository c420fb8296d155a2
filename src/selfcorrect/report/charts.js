"use strict";
// What every page of ours does: what a chart's marks say when a reader comes near, which of its views
// is shown, and what is folded. Texts become text nodes only; nothing here makes HTML from a string.
const shared = (() => {
  const byId = (id) => document.getElementById(id);
  const read = (id) => JSON.parse(byId(id).textContent);

  /** An element with classes, and children that are elements or text. */
  function make(name, classes, ...children) {
    const made = document.createElement(name);
    if (classes) made.className = classes;
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  /** What a block of base64 of gzip in the page holds, as text. */
  async function unpack(id) {
    const coded = byId(id).textContent;
    const bytes = Uint8Array.fromBase64
      ? Uint8Array.fromBase64(coded)
      : Uint8Array.from(atob(coded), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  // a page of several runs has a part for each, whose ids begin with its prefix
  const parts = [...document.querySelectorAll("[data-prefix]")];
  const roots = parts.length ? parts : [document.body];
  const prefix = (root) => root.dataset.prefix ?? "";
  const near = byId("near");
  const REACH = 48; // pixels from which on a mark is near
  let told = null; // the mark whose words are shown

  /** The marks of a chart's drawing that is shown, each with its place on the screen. */
  function marksOf(box) {
    const svg = [...box.querySelectorAll("svg")].find((each) => each.getClientRects().length);
    if (!svg) return [];
    const matrix = svg.getScreenCTM();
    return [...svg.querySelectorAll(".mark")].map((mark) => {
      const title = mark.querySelector("title");
      if (title) { // the browser's own tip would stand beside ours
        mark.dataset.said = title.textContent;
        title.remove();
      }
      const [x, y] = mark.dataset.at.split(" ").map(Number);
      return { mark, x: matrix.a * x + matrix.e, y: matrix.d * y + matrix.f };
    });
  }

  function tell(found) {
    if (told === found?.mark) return;
    told?.classList.remove("near");
    told = found?.mark ?? null;
    if (!found || !near.showPopover) return near.matches(":popover-open") && near.hidePopover();
    told.classList.add("near");
    near.textContent = told.dataset.said;
    if (!near.matches(":popover-open")) near.showPopover();
    const { width, height } = near.getBoundingClientRect();
    near.style.left = `${Math.max(8, Math.min(found.x + 12, innerWidth - width - 8))}px`;
    near.style.top = `${found.y - height - 12 > 4 ? found.y - height - 12 : found.y + 16}px`;
  }

  /** A chart that tells what the nearest mark says: to a mouse, a finger, or the arrow keys. */
  function follow(box) {
    let at = -1;
    const seek = (event) => {
      const marks = marksOf(box);
      const far = ({ x, y }) => Math.hypot(x - event.clientX, (y - event.clientY) / 2);
      const over = event.target.closest?.(".mark");
      const nearest = marks.reduce((best, each) => (!best || far(each) < far(best) ? each : best), null);
      const found = over ? marks.find(({ mark }) => mark === over) : nearest;
      tell(found && (over || far(found) < REACH) ? found : null);
    };
    box.addEventListener("pointermove", seek);
    box.addEventListener("pointerdown", seek);
    box.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && tell(null));
    box.addEventListener("blur", () => tell(null));
    box.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") return tell(null);
      const marks = marksOf(box);
      if (!step || !marks.length) return;
      event.preventDefault();
      at = (at + step + marks.length) % marks.length;
      tell(marks[at]);
    });
  }

  const boxes = [...document.querySelectorAll("[data-chart]")];
  for (const box of boxes) {
    if (!box.querySelector(".mark")) continue;
    box.tabIndex = 0;
    const begin = () => {
      if (box.dataset.followed) return;
      box.dataset.followed = "yes";
      follow(box);
    };
    for (const kind of ["pointerenter", "pointerdown", "focus"]) box.addEventListener(kind, begin);
  }
  addEventListener("scroll", () => tell(null), { passive: true, capture: true });

  /** Show another view of a chart of a part, by its place. */
  function pick(root, charts, name, place) {
    const box = boxes.find((each) => each.dataset.chart === name && root.contains(each));
    const before = box.querySelector("div.view");
    if (Number(before.dataset.view) === place) return;
    const kept = document.createElement("template");
    kept.dataset.view = before.dataset.view;
    kept.content.append(...before.childNodes);
    const found = box.querySelector(`template[data-view="${place}"]`);
    before.replaceWith(kept);
    const view = make("div", "view");
    view.dataset.view = place;
    view.append(found.content);
    found.replaceWith(view);
    box.setAttribute("aria-label", `${charts[name].alt} Shown: ${charts[name].views[place].name}.`);
  }

  // ---- What is folded is opened by a link into it, and on paper

  function unfold() {
    const target = location.hash.length > 1 && byId(decodeURIComponent(location.hash.slice(1)));
    for (let up = target || null; up; up = up.parentElement) if (up.matches("details")) up.open = true;
    if (target) target.scrollIntoView();
  }
  addEventListener("hashchange", unfold);
  if (location.hash) unfold();
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details.fold:not([open])")];
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });

  // which of several runs is shown
  const several = [...document.querySelectorAll("input[name=run]")];
  for (const choice of several) {
    const show = () => {
      for (const part of document.querySelectorAll("[data-run]")) part.hidden = part.dataset.run !== choice.value;
    };
    choice.addEventListener("input", show);
    if (choice.checked) show();
  }

  requestAnimationFrame(() => setTimeout(() => performance.mark("first-screen")));
  return { byId, read, make, unpack, pick, roots, prefix };
})();

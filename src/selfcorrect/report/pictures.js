// Pictures of dialogues: made small, with the boxes of every round drawn over them.
function picturesOf(byId, read) {
  const { make } = shared;
  const SVG = "http://www.w3.org/2000/svg";
  const UNITS = 1000; // of a picture's side, in the drawing over it
  const WIDE = 20; // rem: how wide a picture with boxes is drawn,
  const HIGH = 28; // how high at most
  const THIN = 2; // and how wide at least, however tall it is
  let held = null;

  /** What the page holds of pictures: read when the first dialogue is opened. */
  function known() {
    held ??= byId("pictures") ? read("pictures") : { pictures: [], of: {} };
    return held;
  }

  /** The address of a dialogue's picture; undefined where the page doesn't hold it. */
  function source(dialogue, name) {
    const { pictures: all, of } = known();
    const mine = Object.hasOwn(of, dialogue.example) ? of[dialogue.example] : {};
    return Object.hasOwn(mine, name) ? all[mine[name]] : undefined;
  }

  function image(address, name, classes) {
    const made = make("img", classes);
    made.src = address;
    made.alt = name;
    made.decoding = "async";
    return made;
  }

  /** The small pictures that were shown with a step. */
  function shown(dialogue, step) {
    const made = (step.images ?? []).flatMap((name) => {
      const address = source(dialogue, name);
      return address ? [image(address, name, "thumb")] : [];
    });
    return made.length ? make("p", "thumbs", ...made) : null;
  }

  /** A picture under boxes: as wide as others, but no taller than a screen. */
  function under(address) {
    const made = image(address, "", "");
    made.addEventListener("load", () => {
      const wide = (HIGH * made.naturalWidth) / made.naturalHeight;
      if (wide >= WIDE) return;
      made.style.width = `${Math.max(THIN, wide)}rem`;
      made.style.height = `${HIGH}rem`;
    });
    return made;
  }

  function rectangle([left, top, right, bottom], classes) {
    const made = document.createElementNS(SVG, "rect");
    const edges = { x: left, y: top, width: right - left, height: bottom - top };
    for (const [name, share] of Object.entries(edges)) made.setAttribute(name, String(UNITS * share));
    made.setAttribute("class", classes);
    return made;
  }

  /** A box's name at its corner. */
  function label([left, top], text, classes) {
    const made = make("span", classes, text);
    made.style.left = `${100 * left}%`;
    made.style.top = `${100 * top}%`;
    return made;
  }

  const iou = (round) => (round.outcome === null ? "no" : round.outcome.toFixed(2).replace(/^0/, ""));

  /** The picture with the right box and those of all rounds; null where no round has any. */
  function boxes(dialogue) {
    const { gold, rounds } = dialogue;
    if (!gold) return null;
    const names = rounds.flatMap((round) => round.steps.flatMap((step) => step.images ?? []));
    const address = names.map((name) => source(dialogue, name)).find(Boolean);
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("viewBox", `0 0 ${UNITS} ${UNITS}`);
    drawing.setAttribute("preserveAspectRatio", "none");
    drawing.setAttribute("aria-hidden", "true");
    const frame = make("div", address ? "frame" : "frame empty");
    if (address) frame.append(under(address));
    frame.append(drawing);
    drawing.append(rectangle(gold, "gold"));
    frame.append(label(gold, "right", "gold"));
    const drawn = rounds.filter((round) => round.box);
    // equal boxes are drawn once, with the numbers of all their rounds
    const places = Map.groupBy
      ? Map.groupBy(drawn, (round) => round.box.join())
      : drawn.reduce((all, r) => all.set(r.box.join(), [...(all.get(r.box.join()) ?? []), r]), new Map());
    const last = drawn.at(-1);
    for (const same of places.values()) {
      const classes = same.includes(last) ? "said last" : "said";
      drawing.append(rectangle(same[0].box, classes));
      frame.append(label([same[0].box[0], same[0].box[3]], same.map((r) => r.round).join(", "), classes));
    }
    const told = rounds.map((r) => `round ${r.round}: ${r.box ? `IoU ${iou(r)}` : "no box"}`);
    frame.setAttribute("role", "img");
    frame.setAttribute("aria-label", `Boxes by round. ${told.join(", ")}.`);
    const caption = make(
      "p", "caption",
      `Dashed: the right box. Lines: the answers' boxes, with their rounds; the last is the thickest. ${told.join(", ")}.`,
      address ? "" : " The picture isn't in this file.",
    );
    return make("div", "boxes", make("h3", "", "Boxes by round"), frame, caption);
  }

  return { shown, boxes };
}

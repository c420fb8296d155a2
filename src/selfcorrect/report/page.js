// What a run's report does besides: definitions, views, dialogues. A page of several has several.
for (const root of shared.roots) {
  const { make, pick } = shared;
  const own = (id) => shared.prefix(root) + id;
  const byId = (id) => shared.byId(own(id));
  const read = (id) => shared.read(own(id));
  const unpack = (id) => shared.unpack(own(id));
  const charts = read("charts");
  const pictures = picturesOf(byId, read);

  // ---- Definitions: on hovering, on focus, on a tap

  const terms = read("terms");
  const tip = byId("tip");
  let shownFor = null;

  function showTip(target) {
    const definition = terms[target.dataset.term];
    if (!definition || !tip.showPopover) return;
    const [label, text] = definition;
    tip.replaceChildren(make("b", "", label), text);
    const note = target.dataset.note;
    if (note) tip.append(make("span", "", note));
    hideTip(false);
    shownFor = target;
    target.setAttribute("aria-describedby", own("tip"));
    tip.showPopover();
    const at = target.getBoundingClientRect();
    const { width, height } = tip.getBoundingClientRect();
    const below = at.bottom + 6 + height <= innerHeight || at.top < height + 6;
    tip.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
    tip.style.top = `${below ? at.bottom + 6 : at.top - height - 6}px`;
  }

  function hideTip(closed = true) {
    if (shownFor) shownFor.removeAttribute("aria-describedby");
    if (closed && tip.matches(":popover-open")) tip.hidePopover();
    shownFor = null;
  }

  const termAt = (event) => {
    const found = event.target.closest?.("[data-term]");
    return found && root.contains(found) ? found : null;
  };
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const target = termAt(event);
    if (target && target !== shownFor) showTip(target);
    else if (!target && shownFor && shownFor !== document.activeElement) hideTip();
  });
  document.addEventListener("focusin", (event) => {
    const target = termAt(event);
    if (target && event.target.matches(":focus-visible")) showTip(target);
    else hideTip();
  });
  document.addEventListener("click", (event) => {
    const target = termAt(event);
    if (!target) return hideTip();
    if (target.matches("a.term")) event.preventDefault();
    if (!target.matches("button")) showTip(target);
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
  document.addEventListener("scroll", () => hideTip(), { passive: true, capture: true });

  // a list or a slider that picks a chart's view
  for (const control of root.querySelectorAll("[data-views]")) {
    const name = control.dataset.views;
    const show = () => {
      const view = charts[name].views[control.value];
      if (control.type === "range") {
        control.setAttribute("aria-valuetext", view.name);
        control.parentElement.querySelector("output").value = view.name;
      } else {
        shared.byId(control.dataset.explained).textContent = terms[view.term]?.[1] ?? "";
      }
      pick(root, charts, name, Number(control.value));
    };
    control.addEventListener("input", show);
    show();
  }

  // ---- Dialogues

  const PAGE = 50;
  const letter = (k) => (k < 26 ? String.fromCharCode(97 + k) : String(k + 1));
  // Control, bidirectional and otherwise invisible characters, but line ends, tabs, joiners and
  // single variation selectors: those of selfcorrect/text.py.
  const HIDDEN = /(?![\n\t])([\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_C}\xad\u115f\u1160\u180e\u200b\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\u{1d173}-\u{1d17a}\u{e0000}-\u{e00ff}\u{e01f0}-\u{e0fff}]|(?<=[\ufe00-\ufe0f\u{e0100}-\u{e01ef}])[\ufe00-\ufe0f\u{e0100}-\u{e01ef}])\1*/gu;

  /** Text as text nodes, its hidden characters as marked codes. */
  function* visible(text) {
    let end = 0;
    for (const found of text.matchAll(HIDDEN)) {
      if (found.index > end) yield text.slice(end, found.index);
      const code = found[1].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      const times = found[0].length / found[1].length;
      yield make("span", "code", `U+${code}${times > 1 ? ` × ${times}` : ""}`);
      end = found.index + found[0].length;
    }
    if (end < text.length) yield text.slice(end);
  }

  const isolated = (classes, text) => {
    const made = make("bdi", classes, ...visible(text));
    made.dir = "auto";
    return made;
  };

  // what the page says of the outcome: right or wrong, or a number that is better higher or lower
  const { kind: scale, better, outcome: outcomeName } = byId("main").dataset;
  // how much better the last answer is than the first; null where nobody can say
  const rise = (rounds) => {
    const [first, last] = [rounds[0].outcome, rounds.at(-1).outcome];
    if (first === null || last === null) return null;
    return (last - first) * (better === "lower" ? -1 : 1);
  };

  /** The dialogues by how much better they became; those of which nobody knows come last. */
  function sorted(dialogues, order) {
    if (order === "") return dialogues;
    const sign = order === "better" ? -1 : 1;
    const by = new Map(dialogues.map((dialogue) => [dialogue, rise(dialogue.rounds)]));
    const known = dialogues.filter((dialogue) => by.get(dialogue) !== null);
    known.sort((one, other) => sign * (by.get(one) - by.get(other)));
    return [...known, ...dialogues.filter((dialogue) => by.get(dialogue) === null)];
  }

  const filters = {
    flipped: ({ rounds }) => rounds.some((r, k) => k > 0 && r.key !== rounds[k - 1].key),
    got_worse: ({ rounds }) => rise(rounds) < 0,
    got_better: ({ rounds }) => rise(rounds) > 0,
    unparsed: ({ rounds }) => rounds.some((r) => r.problem !== null),
    low_mass: ({ rounds }) => rounds.some((r) => r.mass !== null && r.mass < 0.5),
  };

  const decimals = (number, places = 3) => number.toFixed(places).replace(/^(-?)0\./, "$1.");
  const outcome = (round) => {
    if (round.problem !== null) return "unread";
    if (round.outcome === null || scale !== "share") return "";
    return Boolean(round.outcome) === (better !== "lower") ? "yes" : "no";
  };
  const SIGNS = { yes: "✓", no: "✗", unread: "", "": "" };
  const SAID = { yes: "right", no: "wrong", unread: "unread", "": "not judged" };

  function said(round) {
    const kind = outcome(round);
    if (scale === "share" || kind === "unread" || round.outcome === null) return SAID[kind];
    return decimals(round.outcome);
  }

  function mark(round) {
    const kind = outcome(round);
    if (kind === "unread") return "?";
    if (scale !== "share") return round.outcome === null ? "–" : decimals(round.outcome, 2);
    const given = round.choice === null ? "" : letter(round.choice);
    return `${given} ${SIGNS[kind]}`.trim() || "·";
  }

  function trail(rounds) {
    const marks = rounds.map((round) => {
      const made = make("span", outcome(round), mark(round));
      made.title = `round ${round.round}: ${said(round)}`;
      return made;
    });
    const made = make("span", "trail", ...marks);
    made.setAttribute("role", "img");
    made.setAttribute("aria-label", marks.map((mark) => mark.title).join(", "));
    return made;
  }

  /** The options' probabilities: a row of bars an option, a column a round. */
  function options({ choices, target, rounds }) {
    const made = make("div", "options", make("h3", "", "Options by round"));
    if (!choices.length) return null;
    const head = make("tr", "", ...rounds.map((r) => make("th", "", String(r.round))));
    head.childNodes.forEach((th) => th.setAttribute("scope", "col"));
    const body = make("tbody", "");
    choices.forEach((choice, k) => {
      const right = k === target;
      const name = make("th", "", `(${letter(k)}) `, isolated("", choice), right ? " ✓ right" : "");
      name.colSpan = rounds.length;
      name.setAttribute("scope", "rowgroup");
      const cells = rounds.map((round) => {
        const p = round.p[k] ?? null;
        const fill = make("i", "");
        fill.style.width = `${100 * Math.min(1, Math.max(0, p ?? 0))}%`;
        const number = p === null ? "–" : p.toFixed(3).replace(/^0/, "");
        const cell = make("td", "", make("span", "bar", fill), make("span", "p", number));
        if (round.choice === k) {
          cell.className = "given";
          cell.title = "the answer given";
        }
        return cell;
      });
      body.append(make("tr", right ? "choice right" : "choice", name), make("tr", "", ...cells));
    });
    const table = make("table", "", make("thead", "", head), body);
    const wide = make("div", "wide", table);
    wide.tabIndex = 0;
    wide.setAttribute("role", "region");
    wide.setAttribute("aria-label", "Options by round");
    wide.style.setProperty("--rounds", rounds.length);
    const none = rounds.every((round) => !round.p.length) ? ", no probabilities" : "";
    made.append(wide, make("p", "caption", `● the answer given, ✓ the right one${none}.`));
    return made;
  }

  function stepShown(dialogue, step) {
    const said = step.kind === "say";
    const who = make("p", "who", step.role ?? "");
    if (!said) who.append(" · ", step.kind);
    if (step.speaker && step.speaker !== "strategy") who.append(" · ", isolated("", step.speaker));
    if (step.shown === false && step.kind !== "thinking") who.append(" · said to another model");
    if (step.finish === "length") who.append(" · cut at its length");
    if (step.finish === "context") who.append(" · the context window was full");
    if (step.finish === "overflow") who.append(" · states under the steer were not finite");
    for (const image of step.images ?? []) who.append(" · with the image ", isolated("", image));
    const words = make("div", "words");
    words.dir = "auto";
    const text = step.text ?? "";
    if (step.prefill && text.startsWith(step.prefill)) {
      const prefill = make("span", "prefill", ...visible(step.prefill));
      prefill.title = "prefilled: the reply had to begin so";
      words.append(prefill, ...visible(text.slice(step.prefill.length)));
    } else {
      words.append(...visible(text));
    }
    const classes = `step ${step.role === "assistant" ? "assistant" : ""} ${step.shown === false ? "aside" : ""}`;
    const made = make("div", classes, who, pictures.shown(dialogue, step), words);
    return step.begin ? [make("p", "begins", "A new transcript begins here."), made] : [made];
  }

  const answer = (round) => round.steps.at(-1)?.text ?? "";
  const counted = (n, what) => `${n} word${n === 1 ? "" : "s"} ${what}`;

  /** An answer that is text, with the words that the round before had and those that it lacked. */
  function difference(before, round) {
    const { parts, words } = differences(answer(before), answer(round));
    const shown = parts.map(([what, text]) => {
      const name = { kept: "span", dropped: "del", added: "ins" }[what];
      return make(name, "", ...visible(text));
    });
    const same = parts.every(([what]) => what === "kept");
    const told = same ? "The same words as in" : `${counted(words.added, "added")}, ${words.dropped} dropped against`;
    const text = same ? null : make("div", "words", ...shown);
    if (text) text.dir = "auto";
    return make("div", "difference", make("p", "who", `${told} round ${before.round}.`), text);
  }

  /** How an outcome stands to that of the round before, where it is a number. */
  function moved(before, round) {
    if (scale === "share" || !before || before.outcome === null || round.outcome === null) return "";
    const by = round.outcome - before.outcome;
    const sign = by > 0 ? "+" : by < 0 ? "−" : "±";
    return ` (${sign}${decimals(Math.abs(by))} against round ${before.round})`;
  }

  /** What else the model said when it was asked again, by meaning; opened on demand. */
  function samples(round) {
    if (!round.samples) return [];
    const total = round.samples.reduce((sum, each) => sum + each.n, 0);
    const meanings = new Set(round.samples.map((each) => each.m));
    const grouped = !meanings.has(null);
    const told = grouped
      ? `${total} samples, ${meanings.size} ${meanings.size === 1 ? "meaning" : "meanings"}, semantic entropy ${decimals(round.sem)}`
      : `${total} samples, not grouped by meaning`;
    const groups = [...meanings].map((m) => {
      const mine = round.samples.filter((each) => each.m === m);
      const times = mine.reduce((sum, each) => sum + each.n, 0);
      const lines = mine.map((each) => isolated("said", each.n > 1 ? `${each.text} (${each.n} times)` : each.text || "(nothing)"));
      return make("li", "", grouped ? make("b", "", `${times} of ${total}`) : null, ...lines.map((line) => make("div", "", line)));
    });
    return [make("details", "samples", make("summary", "", told), make("ul", "", ...groups))];
  }

  function conversation(dialogue) {
    const shown = make("div", "conversation");
    for (const [k, round] of dialogue.rounds.entries()) {
      const before = dialogue.rounds[k - 1];
      shown.append(make("h3", "", `Round ${round.round}`), ...round.steps.flatMap((step) => stepShown(dialogue, step)));
      if (before && !dialogue.choices.length) shown.append(difference(before, round));
      const kind = outcome(round);
      const result = make("p", "outcome", make("b", "", `${SIGNS[kind]} ${said(round)}`.trim()));
      if (scale !== "share" && round.outcome !== null) result.prepend(`${outcomeName} `);
      result.append(moved(before, round));
      if (round.choice !== null) result.append(`: (${letter(round.choice)}) `, isolated("", dialogue.choices[round.choice] ?? ""));
      if (round.problem !== null) result.append(": ", isolated("", round.problem));
      if (round.mass !== null && round.mass < 0.5) result.append(` · option mass ${round.mass.toFixed(3).replace(/^0/, "")}`);
      shown.append(result, ...samples(round), ...round.notes.map((note) => make("p", "who", "Note: ", isolated("", note))));
    }
    return make("div", "open", options(dialogue) ?? pictures.boxes(dialogue), shown);
  }

  function item(dialogue) {
    const summary = make(
      "summary", "",
      isolated("id", dialogue.example),
      dialogue.cluster === dialogue.example ? null : isolated("cluster", dialogue.cluster ?? ""),
      trail(dialogue.rounds),
    );
    const details = make("details", "", summary);
    details.addEventListener("toggle", () => {
      if (details.open && !details.querySelector(".open")) details.append(conversation(dialogue));
    });
    return make("li", "", details);
  }

  /** All text of a dialogue, for searching. */
  function haystack(dialogue) {
    const said = dialogue.rounds.flatMap((round) => [
      ...round.steps.flatMap((step) => [step.text ?? "", ...(step.images ?? [])]),
      ...(round.samples ?? []).map((each) => each.text),
    ]);
    return [dialogue.example, dialogue.cluster ?? "", ...dialogue.choices, ...said].join("\n").toLowerCase();
  }

  async function openDialogues() {
    const count = byId("count");
    let all;
    try {
      const lines = (await unpack("packed")).split("\n");
      all = lines.filter(Boolean).map((line) => JSON.parse(line));
    } catch (error) {
      console.error(error);
      count.textContent = "The dialogues need a browser of 2023 or later.";
      return;
    }
    const [list, more, search, sort] = ["list", "more", "search", "sort"].map(byId);
    const chips = [...root.querySelectorAll("[data-filter]")];
    const passes = new Map(all.map((d) => [d, new Set(Object.keys(filters).filter((f) => filters[f](d)))]));
    const texts = new Map();
    let found = all;

    const show = () => {
      const from = list.children.length;
      list.append(...found.slice(from, from + PAGE).map(item));
      more.hidden = list.children.length >= found.length;
      return list.children[from];
    };
    const find = () => {
      const words = search.value.toLowerCase();
      const on = chips.filter((c) => c.getAttribute("aria-pressed") === "true").map((c) => c.dataset.filter);
      found = sorted(all, sort?.value ?? "").filter((dialogue) => {
        if (!on.every((name) => passes.get(dialogue).has(name))) return false;
        if (!words) return true;
        if (!texts.has(dialogue)) texts.set(dialogue, haystack(dialogue));
        return texts.get(dialogue).includes(words);
      });
      list.replaceChildren();
      const n = found.length.toLocaleString("en");
      count.textContent = found.length === 1 ? "1 dialogue." : found.length ? `${n} dialogues.` : "No dialogue fits.";
      show();
    };
    for (const chip of chips) {
      const fit = all.filter((d) => passes.get(d).has(chip.dataset.filter)).length;
      chip.querySelector(".count").textContent = fit.toLocaleString("en");
      chip.disabled = false;
      chip.addEventListener("click", () => {
        chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
        find();
      });
    }
    let soon;
    search.disabled = false;
    if (sort) {
      sort.disabled = false;
      sort.addEventListener("input", find);
    }
    search.addEventListener("input", () => {
      clearTimeout(soon);
      soon = setTimeout(find, 120);
    });
    search.form.addEventListener("submit", (event) => event.preventDefault());
    more.addEventListener("click", () => show()?.querySelector("summary").focus());
    find();
  }

  // the words and the charts are there before the dialogues are unpacked
  if (byId("packed")) (window.requestIdleCallback ?? setTimeout)(openDialogues);
}

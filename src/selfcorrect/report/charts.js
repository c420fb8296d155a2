"use strict";
// What every page of ours does: it draws its charts. Texts become text nodes only; nothing here
// makes HTML from a string.
const shared = (() => {
  const root = document.documentElement;
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

  const charts = read("charts");
  const drawn = new Set();
  const picked = {}; // which view of a chart is shown

  /** A colour of the theme; null if it has none of that name. */
  const colour = (name, percent) => {
    const hex = getComputedStyle(root).getPropertyValue(`--${name}`).trim();
    if (!hex) return null;
    const full = hex.length === 4 ? hex.replace(/[^#]/g, "$&$&") : hex;
    const parts = [1, 3, 5].map((k) => parseInt(full.slice(k, k + 2), 16));
    return `rgba(${parts}, ${(percent ?? 100) / 100})`;
  };

  /** A figure with the theme's colours in place of their names. */
  function themed(value) {
    if (typeof value === "string") {
      const named = /^@(\w+)(?:\/(\d+))?$/.exec(value);
      return (named && colour(named[1], named[2])) ?? value;
    }
    if (Array.isArray(value)) return value.map(themed);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, themed(each)]));
  }

  function layout(box, own) {
    const axis = {
      fixedrange: true, zeroline: false, ticks: "outside", ticklen: 4,
      gridcolor: "@rule", linecolor: "@soft", tickcolor: "@soft", tickfont: { color: "@soft" },
    };
    const axes = {};
    const named = Object.keys(own).filter((name) => /^[xy]axis\d*$/.test(name));
    for (const name of new Set(["xaxis", "yaxis", ...named])) {
      const automargin = Boolean(own[name]?.title) || own[name]?.type === "category";
      const title = own[name]?.title ? { ...own[name].title, font: { color: "@soft", size: 13 }, standoff: 6 } : undefined;
      axes[name] = { ...axis, automargin, ...own[name], title };
    }
    return themed({
      margin: { l: 44, r: 8, t: 8, b: 44 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: "@ink" },
      hoverlabel: { bgcolor: "@paper", bordercolor: "@soft", font: { color: "@ink" } },
      dragmode: false,
      ...own,
      ...axes,
      legend: {
        orientation: "h", x: 0, y: 1.02, yanchor: "bottom", itemclick: false,
        itemdoubleclick: false, ...own.legend,
      },
      width: box.clientWidth,
      height: own.height ?? box.clientHeight,
    });
  }

  function draw(box) {
    const name = box.dataset.chart;
    const views = charts[name].views;
    const view = views[picked[name] ?? 0];
    drawn.add(box);
    if (view.layout.height) box.style.setProperty("--height", `${view.layout.height}px`);
    if (view.data.length) {
      window.Plotly.react(box, themed(view.data), layout(box, view.layout), { displayModeBar: false });
      return;
    }
    window.Plotly.purge(box);
    box.replaceChildren(make("p", "none", `Nothing to draw for ${view.name}.`));
  }

  const redraw = () => window.Plotly && drawn.forEach(draw);
  const boxes = [...document.querySelectorAll("[data-chart]")];

  async function openCharts(unpacking, painted) {
    try {
      const script = document.createElement("script");
      script.textContent = await unpacking;
      await painted;
      document.head.append(script);
      if (!window.Plotly) throw new Error("plotly didn't start");
    } catch (error) {
      console.error(error);
      for (const box of boxes) {
        const why = "The charts need a browser of 2023 or later. Text and tables stand without.";
        box.replaceChildren(make("p", "failed", why));
      }
      return;
    }
    boxes.filter((box) => box.closest(".screen")).forEach(draw);
    const seen = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        seen.unobserve(target);
        if (!drawn.has(target)) draw(target);
      }
    }, { rootMargin: "400px" });
    boxes.filter((box) => !drawn.has(box)).forEach((box) => seen.observe(box));
    let width = innerWidth;
    addEventListener("resize", () => {
      if (innerWidth !== width) requestAnimationFrame(redraw); // not when a phone hides its bars
      width = innerWidth;
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    addEventListener("beforeprint", () => {
      root.classList.add("printing");
      boxes.forEach(draw);
    });
    addEventListener("afterprint", () => {
      root.classList.remove("printing");
      redraw();
    });
  }

  /** Show another view of a chart, by its place. */
  function pick(name, place) {
    picked[name] = place;
    const box = boxes.find((each) => each.dataset.chart === name);
    box.setAttribute("aria-label", `${charts[name].alt} Shown: ${charts[name].views[place].name}.`);
    if (drawn.has(box)) draw(box);
  }

  const opened = (async () => {
    // the words are there before plotly, which takes most of the time, is begun
    const painted = new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    if (boxes.length) await openCharts(unpack("library"), painted);
    requestAnimationFrame(() => setTimeout(() => performance.mark("first-screen")));
  })();

  return { byId, read, make, unpack, charts, pick, opened };
})();

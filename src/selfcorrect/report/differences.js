// Which words a text has that another one lacks, and the other way round.
const differences = (() => {
  // Longer stretches than these many words times words are not compared word by word.
  const MOST = 1_000_000;
  // A word or a mark, with the white space after it.
  const TOKEN = /(?:[\p{L}\p{M}\p{N}_]+(?:['’-][\p{L}\p{M}\p{N}_]+)*|[^\s])\s*/gu;
  const WORD = /^[\p{L}\p{M}\p{N}_]/u;

  const ENDS_IN_WORD = /[\p{L}\p{M}\p{N}_]$/u;

  const split = (text) => text.match(TOKEN) ?? [];

  /** The longest common subsequence, as a walk through both: [what, token] in order. */
  function walk(before, after) {
    const [n, m] = [before.length, after.length];
    if (n * m > MOST) {
      return [...before.map((t) => ["dropped", t]), ...after.map((t) => ["added", t])];
    }
    const [a, b] = [before, after].map((tokens) => tokens.map((token) => token.trimEnd()));
    const width = m + 1;
    // common[i * width + j]: how many tokens a from i and b from j on have in common, in order
    const common = new Uint32Array((n + 1) * width);
    for (let i = n - 1; i >= 0; i--) {
      for (let j = m - 1; j >= 0; j--) {
        const at = i * width + j;
        common[at] = a[i] === b[j]
          ? common[at + width + 1] + 1
          : Math.max(common[at + width], common[at + 1]);
      }
    }
    const found = [];
    let [i, j] = [0, 0];
    while (i < n || j < m) {
      const at = i * width + j;
      if (i < n && j < m && a[i] === b[j]) {
        found.push(["kept", after[j++]]);
        i++;
      } else if (i < n && (j === m || common[at + width] >= common[at + 1])) {
        found.push(["dropped", before[i++]]);
      } else {
        found.push(["added", after[j++]]);
      }
    }
    return found;
  }

  /**
   * What became of a text: parts that were kept, dropped and added, in order, and how many words
   * were dropped and added. White space alone is no difference.
   */
  return (before, after) => {
    const [a, b] = [split(before), split(after)];
    const same = (i, j) => a[i].trimEnd() === b[j].trimEnd();
    let start = 0;
    while (start < a.length && start < b.length && same(start, start)) start++;
    let end = 0;
    const most = Math.min(a.length, b.length) - start;
    while (end < most && same(a.length - 1 - end, b.length - 1 - end)) end++;
    const tokens = [
      ...b.slice(0, start).map((token) => ["kept", token]),
      ...walk(a.slice(start, a.length - end), b.slice(start, b.length - end)),
      ...b.slice(b.length - end).map((token) => ["kept", token]),
    ];
    const parts = [];
    const words = { kept: 0, dropped: 0, added: 0 };
    for (const [what, token] of tokens) {
      if (WORD.test(token)) words[what]++;
      const last = parts.at(-1);
      // a text's last word has no white space after it, and must not run into the other's next one
      // (of its end alone: a long part would be searched again for every word)
      if (last && WORD.test(token) && ENDS_IN_WORD.test(last[1].slice(-2))) last[1] += " ";
      if (last?.[0] === what) last[1] += token;
      else parts.push([what, token]);
    }
    return { parts, words };
  };
})();

/** Single-line changes of compiled code: what a slip of the hand would look like. */

/** Each kind of change: what it matches in a line of code, and what stands there instead. */
const KINDS = [
  ["equality", / === /g, " !== "],
  ["equality", / !== /g, " === "],
  ["boundary", / < /g, " <= "],
  ["boundary", / <= /g, " < "],
  ["boundary", / > /g, " >= "],
  ["boundary", / >= /g, " > "],
  ["logic", / && /g, " || "],
  ["logic", / \|\| /g, " && "],
  ["arithmetic", / \+ (?=[\w(])/g, " - "],
  ["arithmetic", / - (?=[\w(])/g, " + "],
  ["bits", / \| (?=[\w(])/g, " & "],
  ["bits", / & (?=[\w(~])/g, " | "],
  ["bits", /&= ~/g, "|= "],
  ["assignment", / \+= /g, " -= "],
  ["assignment", / -= /g, " += "],
  ["assignment", / \|= /g, " &= "],
  ["negation", /\(!(?=[a-z])/g, "("],
  ["constant", /\btrue\b/g, "false"],
  ["constant", /\bfalse\b/g, "true"],
  ["constant", /\bnull\b(?=[;,)])/g, "0"],
  ["ternary", / \? /g, " && false ? "],
];
/** Whole statements on a line of their own that may be left out. */
const STATEMENT = /^\s+(?:[\w.]+\(.*\);|[\w.[\]+ -]+ (?:[-+|&]?=) [^=].*;|if \(.*\) (?:return|continue|break)\b.*;|[\w.[\]]+(?:\+\+|--);)$/;

/** Lines that hold no behaviour. */
const idle = (line) => /^\s*(?:\/\/|\*|\/\*|import |export \{|throw |\}|$)/.test(line) || /throw new /.test(line);

/** Every change of a source, in the order of its lines: `{ line, kind, before, after }`. */
export function sitesOf(source) {
  const sites = [];
  let comment = false;
  source.split("\n").forEach((text, i) => {
    if (/^\s*\/\*/.test(text)) comment = true;
    const skip = comment || idle(text);
    if (/\*\//.test(text)) comment = false;
    if (skip) return;
    for (const [kind, pattern, to] of KINDS) {
      for (const match of text.matchAll(pattern)) {
        const after = text.slice(0, match.index) + to + text.slice(match.index + match[0].length);
        sites.push({ line: i + 1, kind, before: text, after });
      }
    }
    if (STATEMENT.test(text)) sites.push({ line: i + 1, kind: "left out", before: text, after: "" });
  });
  return sites;
}

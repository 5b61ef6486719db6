/** How reports are set: labels in a column, and lines that fit a terminal. */

/** Widest line of a report. */
export const COLUMNS = 140;
/** Width of the column of labels. */
const LABEL = 13;

/** Breaks text into lines at spaces. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** A label with a text beside it, which goes on below itself. */
export function labelled(label: string, text: string, indent = 0, column = LABEL): string[] {
  const margin = " ".repeat(indent);
  return wrap(text, COLUMNS - indent - column).map((line, i) => `${margin}${(i === 0 ? label : "").padEnd(column)}${line}`);
}

/** A number as people read it: `12,345`. */
export function grouped(n: number): string {
  return Math.round(n)
    .toString()
    .replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
}

/** `1 call`, `2 calls`. */
export function counted(n: number, one: string, more = `${one}s`): string {
  return `${grouped(n)} ${n === 1 ? one : more}`;
}

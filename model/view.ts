/** What a state says about one page, in words: for reports that compare two states. */
import type { Dpte, Frame, Pte, State, Vma } from "./state.ts";

/** One line about one page, with the place it is about. */
export interface PageLine {
  /** For instance `actor 0 page 3 cpu`, `actor 0 page 3 dev 1`. */
  readonly place: string;
  readonly text: string;
}

/** Everything that a state holds about pages `[start, end)`: the entry of each living actor, and of each open mirror. */
export function describePages(state: State, start: number, end: number): PageLine[] {
  const lines: PageLine[] = [];
  for (const [actor, known] of state.actors.entries()) {
    const mm = known?.alive ? state.mms[known.mm] : undefined;
    if (!mm) continue;
    for (let page = start; page < end; page++) {
      const vma = mm.vmas.find((v) => v.start <= page && page < v.end) ?? null;
      lines.push({ place: `actor ${actor} page ${page} cpu`, text: `${describePte(state, mm.ptes[page])}, ${describeVma(vma)}` });
    }
  }
  for (const file of state.files) {
    const actor = state.actors.findIndex((a) => a?.alive && a.mm === file.mm);
    if (file.interval === "none") continue;
    for (let page = start; page < end; page++) {
      lines.push({ place: `actor ${actor} page ${page} dev ${file.dev}`, text: describeDpte(state, file.dpt[page] ?? null) });
    }
  }
  return lines;
}

function describeVma(vma: State["mms"][number]["vmas"][number] | null): string {
  if (vma === null) return "no mapping";
  return `${vma.map} ${prot(vma.flags)} [${vma.start},${vma.end})`;
}

function prot(flags: Vma["flags"]): string {
  const letters = `${flags.read ? "r" : ""}${flags.write ? "w" : ""}${flags.exec ? "x" : ""}`;
  return letters === "" ? "n" : letters;
}

function describePte(state: State, pte: Pte | undefined): string {
  switch (pte?.kind) {
    case undefined:
    case "none":
      return "none";
    case "zero":
      return "zero page";
    case "present":
      return `present ${pte.write ? "rw" : "ro"}${pte.dirty ? " dirty" : ""}${pte.huge ? " huge" : ""} ${describeFrame(state.frames[pte.pfn], pte.pfn)}`;
    case "swap":
      return `swap slot ${pte.slot}`;
    case "migration":
      return `migration ${pte.mode} ${describeFrame(state.frames[pte.pfn], pte.pfn)}`;
    case "device_private":
    case "device_exclusive":
      return `${pte.kind} ${pte.write ? "rw" : "ro"} ${describeFrame(state.frames[pte.pfn], pte.pfn)}`;
  }
}

function describeFrame(frame: Frame | undefined, pfn: number): string {
  if (frame === undefined || frame.free) return `frame ${pfn} (free)`;
  const where = frame.dev === null ? "system" : `device ${frame.dev}`;
  return `frame ${pfn} (${where}, value ${frame.contents.first ?? "?"}, ${frame.holders.length} ref)`;
}

function describeDpte(state: State, entry: Dpte | null): string {
  if (entry === null) return "no entry";
  if (entry.zero) return "zero page ro";
  return `${entry.tag} ${describeFrame(state.frames[entry.pfn], entry.pfn)}${entry.unreachable ? " un-addressable" : ""}`;
}

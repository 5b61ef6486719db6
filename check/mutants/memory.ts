/** What tampered steps look at and lay hands on: entries and frames before and after a step. */
import { mmId, pfn as toPfn, vpn as toVpn } from "../../spec/vocabulary.ts";
import type { MmId, Pfn, Vpn } from "../../spec/vocabulary.ts";
import { drop, hold, setFrame } from "../../model/frames.ts";
import type { Frame, Holder, Pte, TaskWork, Work } from "../../model/state.ts";

/** An entry that a step has changed. */
export interface Changed {
  readonly mm: MmId;
  readonly vpn: Vpn;
  readonly was: Pte;
  readonly now: Pte;
}

/** The entries of all address spaces as they are. */
export function entriesOf(s: Work): readonly (readonly Pte[])[] {
  return s.mms.map((mm) => mm.ptes.slice());
}

/** The entries that are not what they were. */
export function changedEntries(s: Work, before: readonly (readonly Pte[])[]): Changed[] {
  return s.mms.flatMap(({ ptes }, mm) =>
    ptes.flatMap((now, vpn) => {
      const was = before[mm]?.[vpn];
      return was === undefined || was === now ? [] : [{ mm: mmId(mm), vpn: toVpn(vpn), was, now }];
    }),
  );
}

/** Writes an entry without a thought for what it holds. */
export function poke(s: Work, mm: MmId, vpn: number, pte: Pte): void {
  const ptes = s.mms[mm]?.ptes;
  if (ptes) ptes[vpn] = pte;
}

/** The frames of devices that have become free. */
export function freedFrames(s: Work, before: readonly Frame[]): Pfn[] {
  return before.flatMap((was, n) => (was.dev !== null && !was.free && s.frames[n]?.free ? [toPfn(n)] : []));
}

/** The holder that a task is for a reason. */
export const taskHolder = (t: TaskWork, why: Extract<Holder, { kind: "task" }>["why"]): Holder => ({ kind: "task", task: t.id, why });

/** Puts a reference that nobody has: of a frame in use the first holder loses his, a free one is given back once more. */
export function putTwice(s: Work, pfn: Pfn): void {
  const holder = s.frames[pfn]?.holders[0];
  if (holder === undefined) hold(s, pfn, { kind: "brief" });
  drop(s, pfn, holder ?? { kind: "brief" });
}

/** Does something as if no page was pinned. */
export function withoutPins(s: Work, act: () => void): void {
  const pins = s.frames.map(({ holders }) => holders.filter((h) => h.kind === "pin"));
  for (const [n, own] of pins.entries())
    if (own.length > 0) setFrame(s, toPfn(n), { holders: s.frames[n]?.holders.filter((h) => h.kind !== "pin") ?? [] });
  act();
  for (const [n, own] of pins.entries()) if (own.length > 0) setFrame(s, toPfn(n), { holders: [...(s.frames[n]?.holders ?? []), ...own] });
}

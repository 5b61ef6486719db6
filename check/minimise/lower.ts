/** Makes what a run is about smaller: its pages, devices, processes, values and bounds. */
import type { ModelCall } from "../../spec/vocabulary.ts";
import type { Size } from "../bench.ts";
import type { Move, Place } from "./move.ts";
import { simplerCalls } from "./simpler-call.ts";
import type { Trial } from "./trial.ts";

/** Changes each call of a run; `null` gives the change up. */
function mapCalls(
  moves: readonly Move[],
  change: (call: ModelCall, actor: number) => { call: ModelCall; actor: number } | null,
): Move[] | null {
  const changed: Move[] = [];
  for (const move of moves) {
    if (move.kind !== "begin" || move.action.type !== "call") {
      changed.push(move);
      continue;
    }
    const now = change(move.action.call, move.action.actor);
    if (now === null) return null;
    changed.push({ ...move, action: { type: "call", ...now } });
  }
  return changed;
}

/** A block of pages `[from, to)` that is taken out of the window: the pages behind it move down. */
interface Block {
  readonly from: number;
  readonly to: number;
}

/** Where a page is in the smaller window; those of the block are at its place. */
function moved(page: number, { from, to }: Block): number {
  if (page < from) return page;
  return page < to ? from : page - (to - from);
}

/** A call in a window without a block; `null` where nothing of its range is left. */
function withoutPages(call: ModelCall, gone: Block): ModelCall | null {
  if (!("page" in call)) return call;
  const length = "npages" in call ? call.npages : 1;
  const page = moved(call.page, gone);
  const npages = moved(call.page + length, gone) - page;
  if (length > 0 && npages === 0) return null;
  return { ...call, page, ...("npages" in call && { npages }), ...("to" in call && { to: moved(call.to, gone) }) };
}

/** A call in a window where a block is the same as the page before it. */
function withPagesFolded(call: ModelCall, gone: Block): ModelCall {
  if (!("page" in call)) return call;
  const down = (page: number): number => (gone.from <= page && page < gone.to ? gone.from - 1 : moved(page, gone));
  const page = down(call.page);
  const npages = "npages" in call && call.npages > 0 ? down(call.page + call.npages - 1) + 1 - page : 0;
  return { ...call, page, ...("npages" in call && { npages }), ...("to" in call && { to: down(call.to) }) };
}

/** Places in a smaller window; what lay in a page that is gone is found by its frame. */
function placesWithout(moves: readonly Move[], gone: Block): Move[] {
  const place = (at: Place | null): Place | null => {
    if (at === null || (gone.from <= at.vpn && at.vpn < gone.to)) return null;
    return { mm: at.mm, vpn: moved(at.vpn, gone) };
  };
  return moves.map((move) => ("at" in move ? { ...move, at: place(move.at) } : move));
}

/** Makes the window smaller: by halves of it first, then by single pages. */
export function lowerPages(trial: Trial): void {
  for (let block = trial.best.size.config.pages >> 1; block >= 1 && !trial.exhausted(); block >>= 1)
    for (let to = trial.best.size.config.pages; to > 0; to -= block) lowerBlock(trial, { from: Math.max(0, to - block), to });
}

/** Leaves a block out, or puts what happens there into the page before it. */
function lowerBlock(trial: Trial, gone: Block): void {
  const { size, moves } = trial.best;
  const pages = size.config.pages - (gone.to - gone.from);
  if (gone.to > size.config.pages || pages < 1) return;
  const smaller = { ...size, config: { ...size.config, pages } };
  const changed = mapCalls(moves, (call, actor) => {
    const now = withoutPages(call, gone);
    return now === null ? null : { call: now, actor };
  });
  if ((changed !== null && trial.attempt(placesWithout(changed, gone), smaller)) || gone.from === 0) return;
  const folded = mapCalls(moves, (call, actor) => ({ call: withPagesFolded(call, gone), actor }));
  if (folded !== null) trial.attempt(placesWithout(folded, gone), smaller);
}

function lowerDevices(trial: Trial): void {
  for (let dev = trial.best.size.config.devices.length - 1; dev >= 0; dev--) {
    const { size, moves } = trial.best;
    const { devices } = size.config;
    const config = { ...size.config, devices: devices.filter((_, i) => i !== dev) };
    const changed = mapCalls(moves, (call, actor) => {
      if (!("dev" in call)) return call.op === "mmap" && call.map === "device" && devices.length === 1 ? null : { call, actor };
      if (call.dev === dev && devices.length === 1) return null;
      // What this device did is done by the one before it, or by what comes to its place.
      const other = call.dev > dev || (call.dev === dev && dev > 0) ? call.dev - 1 : call.dev;
      return { call: { ...call, dev: other }, actor };
    });
    if (changed !== null) trial.attempt(changed, { ...size, config });
  }
  for (const dev of trial.best.size.config.devices.keys()) {
    const { size, moves } = trial.best;
    const devices = size.config.devices.map((device, i) => (i === dev ? ({ kind: "private" } as const) : device));
    trial.attempt(moves, { ...size, config: { ...size.config, devices } });
  }
}

/** Gives the calls of one process to another, and renames children to the least. */
function lowerActors(trial: Trial): void {
  const actors = new Set(trial.best.actions.flatMap((action) => (action.type === "call" ? [action.actor] : [])));
  for (const actor of [...actors].toSorted((a, b) => b - a))
    for (let other = 0; other < actor; other++) {
      const changed = mapCalls(trial.best.moves, (call, by) => ({ call, actor: by === actor ? other : by }));
      if (changed !== null && trial.attempt(changed)) break;
      const renamed = mapCalls(trial.best.moves, (call, by) => ({
        call: "child" in call && call.child === actor ? { ...call, child: other } : call,
        actor: by === actor ? other : by,
      }));
      if (renamed !== null && trial.attempt(renamed)) break;
    }
}

/** Replaces one move. */
function replaced(moves: readonly Move[], at: number, move: Move): Move[] {
  return moves.map((before, i) => (i === at ? move : before));
}

function lowerCalls(trial: Trial): void {
  for (let i = 0; i < trial.best.moves.length && !trial.exhausted(); i++) {
    for (let again = true; again;) {
      again = false;
      const { moves } = trial.best;
      const move = moves[i];
      if (move?.kind !== "begin" || move.action.type !== "call") break;
      const { actor, call } = move.action;
      for (const simpler of simplerCalls(call))
        if (!again) again = trial.attempt(replaced(moves, i, { ...move, action: { type: "call", actor, call: simpler } }));
    }
  }
}

/** Takes the first choice of a step where another one is not needed. */
function lowerChoices(trial: Trial): void {
  for (let i = 0; i < trial.best.moves.length && !trial.exhausted(); i++) {
    const { moves } = trial.best;
    const move = moves[i];
    if (move?.kind === "step") trial.attempt(replaced(moves, i, { ...move, choice: -1 }));
    if (move?.kind !== "run") continue;
    for (const choice of move.choices)
      if (trial.attempt(replaced(moves, i, { ...move, choices: move.choices.filter((other) => other !== choice) }))) break;
  }
}

function lowerFrames(trial: Trial): void {
  for (let i = 0; i < trial.best.moves.length; i++) {
    const { moves } = trial.best;
    const move = moves[i];
    if (move === undefined) continue;
    const pfn = move.kind === "begin" && move.action.type !== "call" ? move.action.pfn : "pfn" in move ? move.pfn : 0;
    for (let lower = 0; lower < pfn && !trial.exhausted(); lower++) {
      if (move.kind === "begin" && move.action.type !== "call") {
        if (trial.attempt(replaced(moves, i, { ...move, at: null, action: { ...move.action, pfn: lower } }))) break;
      } else if (move.kind === "hold") {
        if (trial.attempt(replaced(moves, i, { ...move, at: null, pfn: lower }))) break;
      } else if (move.kind === "put" && trial.attempt(replaced(moves, i, { ...move, pfn: lower }))) break;
    }
  }
}

function lowerBounds(trial: Trial): void {
  const with_ = (bounds: Size["bounds"]): boolean => trial.attempt(trial.best.moves, { ...trial.best.size, bounds });
  const { sectionPages, notes_max, ...rest } = trial.best.size.bounds;
  if (sectionPages !== undefined || notes_max !== undefined) with_(rest);
  for (const name of ["physicalPages", "deviceFrames"] as const)
    for (let again = true; again;) {
      const { bounds } = trial.best.size;
      const now = bounds[name] ?? 0;
      again = now > 0 && (with_({ ...bounds, [name]: 0 }) || with_({ ...bounds, [name]: now - 1 }));
    }
}

/** Makes everything smaller that can be, in turn. */
export function lower(trial: Trial): void {
  for (const pass of [lowerCalls, lowerPages, lowerDevices, lowerActors, lowerBounds, lowerChoices, lowerFrames])
    if (!trial.exhausted()) pass(trial);
}

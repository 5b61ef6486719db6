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

/** A range without page `gone` of the window, where the pages behind it move down; `null` where nothing of it is left. */
function withoutPage(call: ModelCall, gone: number): ModelCall | null {
  if (!("page" in call)) return call;
  const npages = "npages" in call ? call.npages : 1;
  const inside = call.page <= gone && gone < call.page + npages;
  const down = (page: number): number => (page > gone ? page - 1 : page);
  const left = inside ? npages - 1 : npages;
  if (inside && left === 0) return null;
  const range = { page: inside && call.page === gone ? call.page : down(call.page), ...("npages" in call && { npages: left }) };
  return { ...call, ...range, ...("to" in call && { to: down(call.to) }) };
}

/** A range in a window where page `gone` is the same as the page before it. */
function withPageFolded(call: ModelCall, gone: number): ModelCall {
  if (!("page" in call)) return call;
  const down = (page: number): number => (page >= gone ? page - 1 : page);
  const page = down(call.page);
  const npages = "npages" in call && call.npages > 0 ? down(call.page + call.npages - 1) + 1 - page : 0;
  return { ...call, page, ...("npages" in call && { npages }), ...("to" in call && { to: down(call.to) }) };
}

/** Places in a smaller window; what lay in the page that is gone is found by its frame. */
function placesWithoutPage(moves: readonly Move[], gone: number): Move[] {
  const place = (at: Place | null): Place | null => {
    if (at === null || at.vpn < gone) return at;
    return at.vpn === gone ? null : { mm: at.mm, vpn: at.vpn - 1 };
  };
  return moves.map((move) => ("at" in move ? { ...move, at: place(move.at) } : move));
}

function lowerPages(trial: Trial): void {
  for (let page = trial.best.size.config.pages - 1; page >= 0; page--) {
    const { size, moves } = trial.best;
    const { pages } = size.config;
    if (pages === 1) return;
    const smaller = { ...size, config: { ...size.config, pages: pages - 1 } };
    const changed = mapCalls(moves, (call, actor) => {
      const now = withoutPage(call, page);
      return now === null ? null : { call: now, actor };
    });
    if (changed !== null && trial.attempt(placesWithoutPage(changed, page), smaller)) continue;
    if (page === 0) continue;
    const folded = mapCalls(moves, (call, actor) => ({ call: withPageFolded(call, page), actor }));
    if (folded !== null) trial.attempt(placesWithoutPage(folded, page), smaller);
  }
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

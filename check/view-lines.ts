/** A state in words: one line for each thing that a reader can see, so that two states can be told apart line by line. */
import type { View } from "../spec/system.ts";
import { CHUNK, DPTE, FRAME, INTERVAL, MAP, VM } from "../spec/words.ts";
import { describeDpte, describeFrame, describePte } from "./words-text.ts";

/** Lines by the place that they are about. */
export type ViewLines = ReadonlyMap<string, string>;

const nameOf = (codes: Readonly<Record<string, number>>, code: number): string =>
  Object.keys(codes).find((name) => codes[name] === code) ?? `${code}`;

const pageText = (pfn: number): string => (pfn < 0 ? "empty" : `pfn ${pfn}`);
const byte = (value: number): string => (value < 0 ? "?" : `${value}`);

/** Reads everything. What is not there has no line. */
export function viewLines(view: View): ViewLines {
  const lines = new Map<string, string>();
  const add = (place: string, text: string): void => {
    if (text !== "") lines.set(place, text);
  };
  for (let mm = 0; mm < view.mmCount(); mm++) addMm(view, mm, add);
  for (let file = 0; file < view.fileCount(); file++) addFile(view, file, add);
  for (let pfn = 0; pfn < view.frameCount(); pfn++) add(`frame ${pfn}`, frameText(view, pfn));
  for (let dev = 0; dev < view.deviceCount(); dev++) addDevice(view, dev, add);
  addOthers(view, add);
  return lines;
}

type Add = (place: string, text: string) => void;

/** The living actor of an address space, or the address space itself. */
function owner(view: View, mm: number): string {
  for (let actor = 0; actor < view.actorCount(); actor++) if (view.actorMm(actor) === mm) return `actor ${actor}`;
  return `mm ${mm}`;
}

function addMm(view: View, mm: number, add: Add): void {
  const who = owner(view, mm);
  const writer = view.mmWriter(mm);
  const readers = view.mmReaders(mm);
  add(`${who} mmap lock`, writer >= 0 ? `write, task ${writer}` : readers > 0 ? `read by ${readers}` : "free");
  const active = view.mmActive(mm);
  add(`${who} notifications`, `seq ${view.mmSeq(mm)}${active > 0 ? `, ${active} in progress` : ""}`);
  if (view.mmHmm(mm) === 1 && view.profile.core === "v14") add(`${who} struct hmm`, "there");
  for (let vma = 0; vma < view.vmaCount(mm); vma++) {
    const start = view.vmaStart(mm, vma);
    for (let vpn = start; vpn < view.vmaEnd(mm, vma); vpn++) add(`${who} page ${vpn} mapping`, mappingText(view, mm, vma));
  }
  for (let vpn = 0; vpn < view.pages; vpn++) add(`${who} page ${vpn} cpu`, describePte(view.pte(mm, vpn)));
}

function mappingText(view: View, mm: number, vma: number): string {
  const flags = view.vmaFlags(mm, vma);
  const letters = `${(flags & VM.read) !== 0 ? "r" : ""}${(flags & VM.write) !== 0 ? "w" : ""}${(flags & VM.exec) !== 0 ? "x" : ""}`;
  const object = view.vmaObject(mm, vma);
  const of = object < 0 ? "" : ` of object ${object}`;
  return `${nameOf(MAP, view.vmaMap(mm, vma))} ${letters === "" ? "n" : letters} [${view.vmaStart(mm, vma)},${view.vmaEnd(mm, vma)})${of}`;
}

function addFile(view: View, file: number, add: Add): void {
  const interval = view.fileInterval(file);
  if (interval < 0) return;
  const dev = view.fileDev(file);
  const who = owner(view, view.fileMm(file));
  const users = view.fileUsers(file);
  const mutex = view.fileMutex(file);
  const place = `file ${file} (dev ${dev}, ${who})`;
  if (interval !== INTERVAL.none || users > 0)
    add(
      place,
      `${users} users, interval ${nameOf(INTERVAL, interval)} seq ${view.fileSeq(file)}${mutex < 0 ? "" : `, driver lock task ${mutex}`}`,
    );
  for (let vpn = 0; vpn < view.pages; vpn++) {
    const dpte = view.dpte(file, vpn);
    if ((dpte & DPTE.valid) !== 0) add(`${who} page ${vpn} dev ${dev} (file ${file})`, describeDpte(dpte));
  }
}

function frameText(view: View, pfn: number): string {
  const word = view.frame(pfn);
  if ((word & FRAME.kind_mask) === FRAME.absent) return "";
  const dev = view.frameDev(pfn);
  if ((word & FRAME.free) !== 0) return dev < 0 ? "" : [...describeFrame(word).split(" "), `of dev ${dev}`].join(", ");
  const pins = view.framePins(pfn);
  const locked = view.frameLocked(pfn);
  const parts = [
    ...describeFrame(word).split(" "),
    ...(dev < 0 ? [] : [`of dev ${dev}`]),
    `refs ${view.frameRefs(pfn)}`,
    `maps ${view.frameMaps(pfn)}`,
    ...(pins > 0 ? [`pins ${pins}`] : []),
    `value ${byte(view.frameFirst(pfn))}${view.frameFill(pfn) === view.frameFirst(pfn) ? "" : `/${byte(view.frameFill(pfn))}`}`,
    ...(locked < 0 ? [] : [`locked by task ${locked}`]),
    ...(view.frameSlot(pfn) < 0 ? [] : [`slot ${view.frameSlot(pfn)}`]),
    ...(view.frameFile(pfn) < 0 ? [] : [`file ${view.frameFile(pfn)}`]),
  ];
  return parts.join(", ");
}

function addDevice(view: View, dev: number, add: Add): void {
  const free = Array.from({ length: Math.max(0, view.deviceFree(dev)) }, (_, i) => view.deviceFreeAt(dev, i));
  add(`dev ${dev} free frames`, free.join(" "));
  for (let chunk = 0; chunk < view.chunkCount(dev); chunk++) {
    const first = view.chunkFirst(dev, chunk);
    add(`dev ${dev} chunk ${chunk}`, `${nameOf(CHUNK, view.chunkState(dev, chunk))} [${first},${first + view.chunkPages(dev, chunk)})`);
  }
}

function addOthers(view: View, add: Add): void {
  for (let slot = 0; slot < view.slotCount(); slot++) {
    const cache = view.slotCache(slot);
    if (view.slotUsers(slot) > 0 || cache >= 0)
      add(
        `swap slot ${slot}`,
        `users ${view.slotUsers(slot)}, value ${byte(view.slotFirst(slot))}${cache < 0 ? "" : `, cached in frame ${cache}`}`,
      );
  }
  for (let object = 0; object < view.shmemCount(); object++)
    for (let i = 0; i < view.shmemPages(object); i++) add(`object ${object} page ${i}`, pageText(view.shmemPage(object, i)));
  for (let i = 0; i < view.replicaCount(); i++)
    add(
      `replica of pfn ${view.replicaPage(i)} on dev ${view.replicaDev(i)}`,
      `pfn ${view.replicaPfn(i)}${view.replicaInstalled(i) === 1 ? "" : ", not installed"}`,
    );
  for (let minor = 0; minor < 4; minor++) add(`dummy device ${minor}`, ["", "there", "given back"][view.dummy(minor)] ?? "");
}

/** What is different, in words: `place: before -> after`, or only the parts of a line that changed. */
export function changedLines(before: ViewLines, after: ViewLines): string[] {
  const changed: string[] = [];
  for (const [place, text] of after) {
    const was = before.get(place);
    if (was !== text) changed.push(`${place}: ${was === undefined ? `none -> ${text}` : changedParts(was, text)}`);
  }
  for (const [place, was] of before) if (!after.has(place)) changed.push(`${place}: ${was} -> none`);
  return changed;
}

/** Parts of a line are separated by commas. */
function changedParts(before: string, after: string): string {
  const old = before.split(", ");
  const now = after.split(", ");
  const gone = old.filter((part) => !now.includes(part));
  const come = now.filter((part) => !old.includes(part));
  if (gone.length === 0) return `now ${come.join(", ")}`;
  if (come.length === 0) return `no longer ${gone.join(", ")}`;
  return `${gone.join(", ")} -> ${come.join(", ")}`;
}

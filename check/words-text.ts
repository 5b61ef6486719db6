/** Packed words in words for people. */
import type { View } from "../spec/system.ts";
import { CHOICES, DPTE, dptePfn, dpteTag, FRAME, MAPPING, MODE, PTE, pteKind, ptePayload, STEPS, TAG } from "../spec/words.ts";

const nameOf = (codes: Readonly<Record<string, number>>, code: number): string =>
  Object.keys(codes).find((name) => codes[name] === code) ?? `${code}`;

const join = (...words: (string | false)[]): string => words.filter((word) => word !== false).join(" ");

/** A CPU page table entry: `present rw dirty pfn 5`. */
export function describePte(word: number): string {
  const payload = ptePayload(word);
  const mode = (word & PTE.mode_mask) >>> PTE.mode_shift;
  const access = (word & PTE.write) !== 0 ? "rw" : "ro";
  const dirty = (word & PTE.dirty) !== 0 && "dirty";
  const huge = (word & PTE.huge) !== 0 && "huge";
  switch (pteKind(word)) {
    case PTE.none:
      return word === 0 ? "none" : `none (${word})`;
    case PTE.zero:
      return join("zero page", huge);
    case PTE.present:
      return join("present", access, dirty, huge, `pfn ${payload}`);
    case PTE.swap:
      return join("swap", mode !== 0 && "exclusive", `slot ${payload}`);
    case PTE.migration:
      return join("migration", nameOf(MODE, mode), dirty, `pfn ${payload}`);
    case PTE.device_private:
      return join("device_private", access, `pfn ${payload}`);
    case PTE.device_exclusive:
      return join("device_exclusive", access, `pfn ${payload}`);
    default:
      return `${word}`;
  }
}

/** A device page table entry: `write pfn 5`. */
export function describeDpte(word: number): string {
  if (word === 0) return "none";
  const tag = nameOf(TAG, dpteTag(word));
  if ((word & DPTE.zero) !== 0) return join(tag, "zero page");
  return join(tag, `pfn ${dptePfn(word)}`, (word & DPTE.unreachable) !== 0 && "unreachable");
}

/** The marks of a frame: `private anon dirty`. */
export function describeFrame(word: number): string {
  const kind = nameOf(
    { system: FRAME.system, private: FRAME.private, coherent: FRAME.coherent, absent: FRAME.absent },
    word & FRAME.kind_mask,
  );
  const mapping = (word & FRAME.mapping_mask) >>> FRAME.mapping_shift;
  return join(
    kind,
    (word & FRAME.free) !== 0 && "free",
    mapping !== MAPPING.none && nameOf(MAPPING, mapping),
    (word & FRAME.dirty) !== 0 && "dirty",
    (word & FRAME.anon_exclusive) !== 0 && "anon-exclusive",
    (word & FRAME.swap_backed) !== 0 && "swap-backed",
    (word & FRAME.lru) !== 0 && "lru",
    (word & FRAME.replica) !== 0 && "replica",
  );
}

/** The name of a step by its code: `migrate.m7`, or `none`. */
export function stepName(code: number): string {
  return STEPS[code] ?? "none";
}

/** A step that can be taken, as `System.steps` writes it, with the choice of the environment: `task 1 migrate.m7 page`. */
export function describeStep(view: View, word: number): string {
  const task = word >> 8;
  const choice = CHOICES[word & 0xff] ?? "";
  return join(`task ${task}`, stepName(view.taskStep(task, view.taskDepth(task) - 1)), choice !== "" && choice);
}

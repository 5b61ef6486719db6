/** What a random run calls: an operation of the mask with drawn arguments. */
import type { CallOperation } from "../properties/test-case.ts";
import type { View } from "../spec/system.ts";
import { DEVMEM_FLAGS, DEVMEM_PARTS } from "../spec/vocabulary.ts";
import type { Advice, DevmemFlag, MapKind, ModelCall, Prot } from "../spec/vocabulary.ts";
import { FRAME, PTE, pteKind } from "../spec/words.ts";

/** One decision, spent digit by digit: the first draws are the low digits of the number. */
export interface Digits {
  /** Draws a number from 0 to `below - 1`. A decision that is spent gives 0. */
  take(below: number): number;
}

/** Pages that the calls of a run prefer. */
export type Focus = "any range" | "single pages" | "all pages" | "two pages";

/** What the calls of a run are drawn for. */
export interface CallScope {
  readonly view: View;
  readonly devices: number;
  readonly actors_max: number;
  readonly focus: Focus;
}

const PROT_TABLE: readonly Prot[] = ["rw", "rw", "rw", "rw", "rw", "rw", "r", "r", "r", "n", "rwx", "rx", "w", "x", "wx", "rw"];
const MAP_TABLE: readonly MapKind[] = ["private", "private", "private", "private", "private", "shared", "shared", "device"];
const ADVICE_TABLE: readonly Advice[] = ["dontneed", "free", "pageout", "populate_r", "populate_w", "cold", "pageout", "huge"];
const VALUES = 120;
/** Device writes store values above those of the CPU. */
const DEVICE_VALUES = 128;
/** One range in so many has no page at all. */
const EMPTY_ONE_IN = 48;
/** Pages about which the calls of a wide window turn: the borders of batches (64) and of huge pages (512), and those beside them. */
const BORDERS: readonly number[] = [0, 1, 2, 63, 64, 65, 127, 128, 511, 512, 513, 1023, 1024];
/** A window is wide from so many pages on. */
const WIDE = 64;
/** Numbers of ranges of device memory and of dummy devices that are drawn, a wrong one now and then. */
const CHUNKS = 3;
const MINORS = 2;

/** Draws the arguments of calls. Stored values count up, so that each store can be told from those before it. */
export class CallMaker {
  private readonly scope: CallScope;
  /** Pages from the first one on that the calls are about. */
  private readonly pages: number;
  /** Borders in a wide window. */
  private readonly borders: readonly number[];
  private value = 0;

  constructor(scope: CallScope) {
    const { pages } = scope.view;
    this.scope = scope;
    this.pages = scope.focus === "two pages" ? Math.min(2, pages) : pages;
    this.borders = this.pages > WIDE ? BORDERS.filter((border) => border < pages) : [];
  }

  /** A writable mapping, with which a run begins: mostly of all pages, and of private memory. */
  firstMapping(digits: Digits): ModelCall {
    const range = digits.take(4) === 3 ? this.range(digits) : { page: 0, npages: this.scope.view.pages };
    return { op: "mmap", ...range, prot: "rw", map: digits.take(6) === 5 ? "shared" : "private" };
  }

  /** A call of this operation by an actor, or `null` where there is nobody to make it with. */
  make(op: CallOperation, actor: number, digits: Digits): ModelCall | null {
    switch (op) {
      case "mmap":
        return { op, ...this.range(digits), prot: from(PROT_TABLE, digits), map: this.map(digits) };
      case "munmap":
        return { op, ...this.range(digits) };
      case "mprotect":
        return { op, ...this.range(digits), prot: from(PROT_TABLE, digits) };
      case "madvise":
        return { op, ...this.range(digits), advice: from(ADVICE_TABLE, digits) };
      case "mremap": {
        const range = this.range(digits);
        return { op, ...range, to: digits.take(this.scope.view.pages - range.npages + 1) };
      }
      case "cpu_read":
        return { op, page: this.touched(actor, digits) };
      case "cpu_write":
        return { op, page: this.touched(actor, digits), value: this.fresh() };
      case "fork":
        return this.fork(digits);
      case "exit":
        return this.exit(actor, digits);
      case "hmm_device_new":
        return { op };
      case "hmm_device_put":
        return { op, minor: digits.take(MINORS) };
      default:
        return this.scope.devices === 0 ? null : this.deviceCall(op, digits);
    }
  }

  private deviceCall(op: DeviceOperation, digits: Digits): ModelCall {
    const dev = digits.take(this.scope.devices);
    switch (op) {
      case "device_write":
        return { op, dev, ...this.range(digits), value: DEVICE_VALUES + this.fresh() };
      case "device_read":
      case "migrate_to_device":
      case "migrate_to_system":
      case "snapshot":
      case "make_exclusive":
      case "check_exclusive":
      case "duplicate":
        return { op, dev, ...this.range(digits) };
      case "open":
      case "close":
      case "devmem_release":
        return { op, dev };
      case "devmem_add":
        return this.devmemAdd(dev, digits);
      case "devmem_remove":
        return { op, dev, chunk: digits.take(CHUNKS) };
      case "hmm_mirror_register": {
        const without = ([undefined, undefined, undefined, "mm", "mirror", "ops"] as const)[digits.take(6)];
        return without === undefined ? { op, dev } : { op, dev, without };
      }
    }
  }

  private page(digits: Digits): number {
    if (this.borders.length > 0) return from(this.borders, digits);
    return digits.take(this.pages);
  }

  /** The page of a load or store: often one that is not where the CPU reaches it, so that the access must bring it back. */
  private touched(actor: number, digits: Digits): number {
    const { view } = this.scope;
    const page = this.page(digits);
    if (this.borders.length > 0 || digits.take(2) === 0) return page;
    const mm = view.actorMm(actor);
    for (let n = 0; n < this.pages; n++) {
      const at = (page + n) % this.pages;
      if (pteKind(view.pte(mm, at)) > PTE.present) return at;
    }
    return page;
  }

  private range(digits: Digits): { page: number; npages: number } {
    const { view, focus } = this.scope;
    if (focus === "all pages") return { page: 0, npages: view.pages };
    const page = this.page(digits);
    const npages = focus === "single pages" ? 1 : this.length(page, digits);
    return { page, npages: digits.take(EMPTY_ONE_IN) === EMPTY_ONE_IN - 1 ? 0 : npages };
  }

  private length(page: number, digits: Digits): number {
    if (this.borders.length === 0) return 1 + digits.take(this.pages - page);
    const ends = [page + 1, ...this.borders.filter((border) => border > page + 1), this.pages];
    return from(ends, digits) - page;
  }

  private map(digits: Digits): MapKind {
    const map = from(MAP_TABLE, digits);
    return map === "device" && this.scope.devices === 0 ? "private" : map;
  }

  private fresh(): number {
    this.value = (this.value % VALUES) + 1;
    return this.value;
  }

  private fork(digits: Digits): ModelCall | null {
    const { view, actors_max } = this.scope;
    for (let child = 0; child < actors_max; child++) {
      if (view.actorMm(child) >= 0) continue;
      return digits.take(2) === 0 ? { op: "fork", child } : { op: "fork", child, files: "inherit" };
    }
    return null;
  }

  private exit(actor: number, digits: Digits): ModelCall | null {
    const { view } = this.scope;
    const count = view.actorCount();
    const first = count - 1 - digits.take(count);
    for (let n = 0; n < count; n++) {
      const child = (first + n) % count;
      if (child !== actor && view.actorMm(child) >= 0) return { op: "exit", child };
    }
    return null;
  }

  /** Mostly memory as the device needs it; else flags that do not fit, no host, or a part that the driver has left out. */
  private devmemAdd(dev: number, digits: Digits): ModelCall {
    const { view } = this.scope;
    const npages = 1 + digits.take(2);
    const usual = digits.take(4) !== 3;
    const word = digits.take(8);
    const own = view.deviceKind(dev) === FRAME.private ? DEVMEM_FLAGS : DEVMEM_FLAGS.filter((flag) => flag !== "unaddressable");
    const flags: readonly DevmemFlag[] = usual ? own : DEVMEM_FLAGS.filter((_, bit) => (word & (1 << bit)) !== 0);
    const lacks = digits.take(8) === 7 ? [DEVMEM_PARTS[digits.take(3)] ?? "owner"] : null;
    const minor = this.host(digits);
    return { op: "devmem_add", dev, npages, flags, ...(minor !== null && { minor }), ...(lacks !== null && { lacks }) };
  }

  /** A dummy device to host memory; seldom one that is not there. */
  private host(digits: Digits): number | null {
    const { view } = this.scope;
    if (!view.profile.dummyDevices || digits.take(4) === 0) return null;
    const minor = digits.take(MINORS);
    return view.dummy(minor) === 1 || digits.take(8) === 7 ? minor : null;
  }
}

type DeviceOperation =
  | "device_read"
  | "device_write"
  | "migrate_to_device"
  | "migrate_to_system"
  | "snapshot"
  | "make_exclusive"
  | "check_exclusive"
  | "duplicate"
  | "open"
  | "close"
  | "devmem_add"
  | "devmem_remove"
  | "devmem_release"
  | "hmm_mirror_register";

function from<T>(table: readonly T[], digits: Digits): T {
  return table[digits.take(table.length)] as T;
}

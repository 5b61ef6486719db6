import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type Disturbance,
  environment,
  judge,
  JUDGE_DEFAULTS,
  type JudgeOptions,
  sensitivity,
  traceReader,
  type TraceVerdict,
} from "../../check/index.ts";
import type { Call, Header, Ret, TraceEvent } from "../../spec/vocabulary.ts";

interface Trace {
  readonly header: Header;
  readonly events: { event: TraceEvent; line: number }[];
}

/** Decodes a golden file. A line that does not decode fails the test. */
function load(name: string): Trace[] {
  const reader = traceReader();
  const traces: Trace[] = [];
  const text = readFileSync(new URL(`../golden/${name}`, import.meta.url), "utf8");
  for (const [i, line] of text.trimEnd().split("\n").entries()) {
    const read = reader.next(line, i + 1);
    if (read.kind === "error") throw new Error(`${name}:${read.line}: ${read.message}`);
    if (read.kind === "header") traces.push({ header: read.header, events: [] });
    else traces.at(-1)?.events.push({ event: read.event, line: i + 1 });
  }
  return traces;
}

function verdictOf({ header, events }: Trace, options: Partial<JudgeOptions> = {}): TraceVerdict {
  const judging = judge(header, { ...JUDGE_DEFAULTS, ...options });
  for (const { event, line } of events) judging.next(event, line);
  return judging.verdict();
}

const HEADER: Header = {
  format: "hmm-trace",
  version: 1,
  id: "t",
  profile: "linux-6.1",
  driver: "dmirror-fixed",
  config: { pages: 4, page_bytes: 4096, devices: [{ kind: "private" }, { kind: "private" }] },
  source: "test",
};

/** A trace of actor 0 from calls with their answers. */
function trace(...rows: [Call, Ret?][]): Trace {
  const events = rows.map(([call, ret], i) => ({
    event: { seq: i + 1, actor: 0, call, ...(ret === undefined ? {} : { ret }) },
    line: i + 2,
  }));
  return { header: HEADER, events };
}

const OK: Ret = { status: "ok" };
const MMAP: Call = { op: "mmap", page: 0, npages: 4, prot: "rw", map: "private" };
const range = { page: 0, npages: 1 };

const SETS = [
  ...["basic", "seq", "fork", "shared", "coherent"].flatMap((set) => ["6.1", "6.12"].map((kernel) => `${set}-${kernel}`)),
  "random-6.1",
  "random-6.12",
];

describe("recorded kernel traces", () => {
  it.each(SETS)("[TRC-1] [TRC-2] [TRC-3] [TRC-4] [TRC-5] [TRC-6] [TRC-7] [TRC-8] accepts every trace of %s", (set) => {
    const traces = load(`kernel/${set}.jsonl`);
    expect(traces.length).toBeGreaterThan(90);
    expect(traces.map((t) => verdictOf(t)).filter((v) => v.verdict !== "accept")).toEqual([]);
  });

  it.each(["6.1", "6.12"])(
    "[TRC-13] [TRC-14] predicts the crash of the shipped driver on %s at exactly the call that it came in",
    (kernel) => {
      for (const crashed of load(`kernel/crash-${kernel}.jsonl`)) {
        expect(crashed.events.at(-1)?.event.ret?.status).toBe("crash");
        expect(verdictOf(crashed)).toMatchObject({
          verdict: "accept",
          calls: crashed.events.length,
          predicted: { line: crashed.events.at(-1)?.line },
        });
        expect(["DMR-10", "DMR-13"]).toContain(verdictOf(crashed).predicted?.requirement);
      }
    },
  );

  it.each(["6.1", "6.12"])("[TRC-14] [TRC-15] rejects each crash on %s under the repaired driver, except that of defect D", (kernel) => {
    const found = load(`kernel/crash-${kernel}.jsonl`).map((t) => verdictOf(t, { driver: "dmirror-fixed" }));
    const accepted = found.filter((v) => v.verdict === "accept").map((v) => v.id);
    expect(accepted).toEqual(kernel === "6.12" ? ["k612-crash-01"] : []);
    for (const v of found) if (v.verdict !== "accept") expect(v.rejection?.event.ret?.status).toBe("crash");
  });

  it("[TRC-7] tells one kernel from the other where they differ", () => {
    const differing = load("kernel/basic-6.1.jsonl").filter((t) => verdictOf(t, { core: "linux-6.12" }).verdict === "reject");
    expect(differing.map((t) => t.header.id)).toEqual([
      "k61-r27-mprotect-round-trip-page-come-home",
      "k61-r30-huge-page-migrate-part-splits",
    ]);
  });
});

describe("a rejection", () => {
  const wrong = load("demo/stale-mirror.jsonl")[0] as Trace;

  it("[TRC-11] says where, what was seen, what was allowed, by which requirement, and what became of the pages", () => {
    const { verdict, calls, rejection } = verdictOf(wrong);
    expect({ verdict, calls, line: rejection?.line, seq: rejection?.event.seq }).toEqual({ verdict: "reject", calls: 5, line: 6, seq: 5 });
    expect(rejection?.allowed).toEqual([{ status: "ok", cpages: 1, faults: 1, data: [0] }]);
    expect(rejection?.fields).toEqual(["faults", "data/0"]);
    expect(rejection?.requirements.map(({ id }) => id)).toEqual(["DEV-3", "CPU-10"]);
    expect(rejection?.steps).toEqual(["handle_mm_fault.c3", "hmm_range_fault.d8"]);
    for (const { id, statement } of rejection?.requirements ?? []) expect(`${id}: ${statement}`).toMatch(/^[A-Z]+-\d+: .{20}/);
    expect(rejection?.pages).toContainEqual({ place: "actor 0 page 0 dev 0", before: "no entry", after: "zero page ro" });
  });

  it("ends the trace: later events are not judged any more", () => {
    const longer = {
      header: wrong.header,
      events: [...wrong.events, ...wrong.events.map(({ event, line }) => ({ event: { ...event, seq: event.seq + 5 }, line }))],
    };
    expect(verdictOf(longer)).toMatchObject({ verdict: "reject", calls: 5 });
  });

  it("[TRC-9] an errno where the call must succeed, and a success where it must fail", () => {
    expect(verdictOf(trace([MMAP, { status: "errno", errno: "ENOMEM" }])).verdict).toBe("reject");
    expect(verdictOf(trace([{ op: "munmap", page: 0, npages: 0 }, OK])).verdict).toBe("reject");
    expect(
      verdictOf(
        trace([
          { op: "munmap", page: 0, npages: 0 },
          { status: "errno", errno: "EINVAL" },
        ]),
      ).verdict,
    ).toBe("accept");
  });

  it("[TRC-13] rejects a crash that the rules do not predict", () => {
    expect(verdictOf(trace([MMAP, { status: "crash", log: "?" }])).verdict).toBe("reject");
  });
});

describe("answers that were not observed", () => {
  it("[TRC-10] allow every outcome, and what follows is judged from it", () => {
    const write: Call = { op: "cpu_write", page: 0, value: 7 };
    const read: Call = { op: "cpu_read", page: 0 };
    expect(verdictOf(trace([MMAP], [write], [read, { status: "ok", value: 7 }])).verdict).toBe("accept");
    expect(verdictOf(trace([MMAP], [write], [read, { status: "ok", value: 8 }])).verdict).toBe("reject");
  });

  const swap: Disturbance[] = ["swap"];
  const paged = (entry: string): Trace =>
    trace(
      [MMAP, OK],
      [{ op: "cpu_write", page: 0, value: 7 }, OK],
      [{ op: "madvise", ...range, advice: "pageout" }, OK],
      [
        { op: "snapshot", dev: 0, ...range },
        { status: "ok", cpages: 1, entries: [entry] },
      ],
      [
        { op: "cpu_read", page: 0 },
        { status: "ok", value: 7 },
      ],
    );

  it("[TRC-7] [TRC-10] with swap space a page may be out or not: both are explained, and the contents stay", () => {
    expect(verdictOf(paged("02")).verdict).toBe("accept");
    expect(verdictOf(paged("00")).verdict).toBe("reject");
    expect(verdictOf(paged("02"), { environment: environment(swap) }).verdict).toBe("accept");
    expect(verdictOf(paged("00"), { environment: environment(swap) }).verdict).toBe("accept");
    expect(verdictOf(paged("11"), { environment: environment(swap) }).verdict).toBe("reject");
  });

  it("[TRC-12] a bound on the candidates gives inconclusive where the dropped one might have explained, and never a reject", () => {
    const found = verdictOf(paged("00"), { environment: environment(swap), candidates_max: 1 });
    expect(found).toMatchObject({ verdict: "inconclusive", reason: "the bound of 1 candidate states was hit before line 5" });
    expect(verdictOf(paged("02"), { environment: environment(swap), candidates_max: 1 }).verdict).toBe("accept");
  });

  it("[TRC-7] a page that cannot be isolated stays where it is", () => {
    const refused = trace(
      [MMAP, OK],
      [{ op: "cpu_write", page: 0, value: 7 }, OK],
      [
        { op: "migrate_to_device", dev: 0, ...range },
        { status: "errno", errno: "ENOENT" },
      ],
      [
        { op: "snapshot", dev: 0, ...range },
        { status: "ok", cpages: 1, entries: ["02"] },
      ],
    );
    expect(verdictOf(refused).verdict).toBe("reject");
    expect(verdictOf(refused, { environment: environment(["isolation"]) }).verdict).toBe("accept");
    expect(verdictOf(refused, { environment: environment(["memory"]) }).verdict).toBe("accept");
  });
});

describe("stale entries", () => {
  /** The child's own mirror keeps its entry when the page that the parent's mirror migrated goes home for the child alone. */
  const rows: [number, Call, Ret][] = [
    [0, MMAP, OK],
    [0, { op: "cpu_write", page: 0, value: 7 }, OK],
    [0, { op: "migrate_to_device", dev: 0, ...range }, { status: "ok", cpages: 1, data: [7] }],
    [0, { op: "fork", child: 1 }, OK],
    [1, { op: "device_read", dev: 0, ...range }, { status: "ok", cpages: 1, faults: 1, data: [7] }],
    [0, { op: "munmap", ...range }, OK],
    [1, { op: "cpu_read", page: 0 }, { status: "ok", value: 7 }],
  ];
  const stale = (data: number, faults: number): Trace => {
    const all: [number, Call, Ret][] = [
      ...rows,
      [1, { op: "device_read", dev: 0, ...range }, { status: "ok", cpages: 1, faults, data: [data] }],
    ];
    return { header: HEADER, events: all.map(([actor, call, ret], i) => ({ event: { seq: i + 1, actor, call, ret }, line: i + 2 })) };
  };

  it("[TRC-16] a device read through one may give any byte", () => {
    expect(verdictOf(stale(7, 0)).verdict).toBe("accept");
    expect(verdictOf(stale(99, 0)).verdict).toBe("accept");
    expect(verdictOf(stale(7, 1)).verdict).toBe("reject");
  });

  it("[TRC-17] after a device write through one a difference is inconclusive", () => {
    // Two files of one device mirror actor 0: the inherited one keeps its entry when the page that the other one migrated goes home.
    const before: [number, Call, Ret][] = [
      [0, MMAP, OK],
      [0, { op: "open", dev: 0 }, OK],
      [0, { op: "fork", child: 1, files: "inherit" }, OK],
      [0, { op: "open", dev: 0 }, OK],
      [0, { op: "cpu_write", page: 0, value: 7 }, OK],
      [0, { op: "migrate_to_device", dev: 0, ...range }, { status: "ok", cpages: 1, data: [7] }],
      [1, { op: "device_write", dev: 0, ...range, value: 8 }, { status: "ok", cpages: 1, faults: 1 }],
      [0, { op: "cpu_read", page: 0 }, { status: "ok", value: 8 }],
    ];
    const lost: [number, Call, Ret] = [1, { op: "device_write", dev: 0, ...range, value: 9 }, { status: "ok", cpages: 1, faults: 0 }];
    const read = (value: number): [number, Call, Ret] => [0, { op: "cpu_read", page: 0 }, { status: "ok", value }];
    const of = (...all: [number, Call, Ret][]): Trace => ({
      header: HEADER,
      events: all.map(([actor, call, ret], i) => ({ event: { seq: i + 1, actor, call, ret }, line: i + 2 })),
    });
    expect(verdictOf(of(...before, read(9))).verdict).toBe("reject");
    expect(verdictOf(of(...before, lost, read(8))).verdict).toBe("accept");
    expect(verdictOf(of(...before, lost, read(9)))).toMatchObject({
      verdict: "inconclusive",
      reason: "line 11 differs after a device write through a stale entry: memory is no longer known",
    });
  });

  it("the sensitivity report lists the byte that nobody can know", () => {
    const seen = sensitivity(stale(7, 0), JUDGE_DEFAULTS);
    expect(seen?.survivors).toMatchObject([{ field: "data/0", from: "7", to: "8" }]);
  });
});

describe("sensitivity", () => {
  it.each(["seq-6.1", "fork-6.12"])("at least 99 of 100 single changes of %s are rejected", (set) => {
    let changed = 0;
    let rejected = 0;
    for (const whole of load(`kernel/${set}.jsonl`).slice(0, 40)) {
      const seen = sensitivity(whole, JUDGE_DEFAULTS);
      changed += seen?.changed ?? 0;
      rejected += seen?.rejected ?? 0;
    }
    expect(changed).toBeGreaterThan(1000);
    expect(rejected / changed).toBeGreaterThanOrEqual(0.99);
  });

  it("is not told for a trace that is rejected itself", () => {
    expect(sensitivity(load("demo/stale-mirror.jsonl")[0] as Trace, JUDGE_DEFAULTS)).toBeNull();
  });
});

import { describe, expect, it } from "vitest";
import { benchOf } from "../../check/bench.ts";
import { campaign, type CampaignOptions, caseOf, runCampaign } from "../../check/campaign.ts";
import { drawCase, runStream } from "../../check/draw-case.ts";
import { findingId } from "../../check/failure.ts";
import { symbolise } from "../../check/minimise/symbolise.ts";
import { scheduleOf } from "../../check/schedule-of.ts";
import { scheduleReader } from "../../check/schedule-reader.ts";
import { writeSchedule } from "../../check/schedule.ts";
import { setupOf } from "../../check/setup.ts";
import { type Subject, type SubjectFactory, subjectFactory } from "../../check/subject.ts";
import { Full } from "../../impl/index.ts";
import { RULES, type RuleTable } from "../../model/index.ts";
import { PROPERTIES } from "../../properties/registry.ts";
import { OPERATIONS, PROFILE_NAMES } from "../../properties/test-case.ts";

const IDEAL = PROFILE_NAMES.filter(({ driver }) => driver === "ideal");
const DMIRROR = PROFILE_NAMES.filter(({ driver }) => driver === "dmirror");

/** Callbacks of invalidations forget to erase what the mirror has. */
const DEAF: RuleTable = {
  ...RULES,
  invalidate: {
    ...RULES.invalidate,
    i2: {
      ...RULES.invalidate.i2,
      apply(s, t, a, choice) {
        const dpts = s.files.map((file) => file.dpt.slice());
        RULES.invalidate.i2.apply(s, t, a, choice);
        for (const [i, dpt] of dpts.entries()) {
          const file = s.files[i];
          if (file !== undefined) file.dpt = dpt;
        }
      },
    },
  },
};

const options = (more: Partial<CampaignOptions> = {}): CampaignOptions => ({
  seed: 5,
  runs_max: 6,
  stop: () => false,
  profiles: IDEAL,
  make: subjectFactory("impl"),
  properties: PROPERTIES,
  minimise: { states_max: 0, runs_max: 60 },
  ...more,
});

/** A subject that throws at the given call of `take`. */
const throwing =
  (at: number, thrown: () => Error): SubjectFactory =>
  (setup) => {
    const { system }: Subject = subjectFactory("model")(setup);
    let taken = 0;
    const take = (word: number): number => {
      if (++taken === at) throw thrown();
      return system.take(word);
    };
    return { system: { ...system, view: system.view, take }, difference: () => null, both: null };
  };

describe("a campaign", () => {
  it("runs what it is asked for and counts it, the same each time", () => {
    const first = runCampaign(options());
    const again = runCampaign(options());
    expect(first.failure).toBeNull();
    expect(first.runs).toBe(6);
    expect(first.actions).toBeGreaterThan(500);
    expect(first.answers).toBeGreaterThan(50);
    expect([again.actions, again.answers, again.coverage.seen()]).toEqual([first.actions, first.answers, first.coverage.seen()]);
    expect(runCampaign(options({ seed: 6 })).coverage.seen()).not.toEqual(first.coverage.seen());
  });

  it("gives each run the same test case, wherever it begins", () => {
    const cases = [0, 1, 2, 3].map((run) => caseOf(options(), run));
    expect(new Set(cases.map((each) => JSON.stringify(each))).size).toBe(4);
    expect(cases.map(({ core }) => core)).toEqual(["v14", "linux-6.1", "linux-6.12", "v14"]);
    const whole = runCampaign(options({ runs_max: 4 }));
    const head = runCampaign(options({ runs_max: 3 }));
    const tail = runCampaign(options({ first: 3, runs_max: 1 }));
    expect(head.actions + tail.actions).toBe(whole.actions);
  });

  it("ends when it is told to", () => {
    let asked = 0;
    const { state, next } = campaign(options({ stop: () => ++asked > 7 }));
    while (next());
    expect(state.runs).toBeGreaterThan(0);
    expect(state.runs).toBeLessThan(12);
    expect(next()).toBe(false);
  });

  it("meets witnesses, and says which it has not met, by profile", () => {
    const { witnesses } = runCampaign(options({ seed: 1, runs_max: 9 }));
    expect(witnesses.map(({ core }) => core)).toEqual(["v14", "linux-6.1", "linux-6.12"]);
    for (const { met, unmet } of witnesses) {
      expect(met.size).toBeGreaterThan(3);
      expect([...met].some((id) => unmet.has(id))).toBe(false);
    }
    const sometimes = PROPERTIES.filter(({ kind }) => kind === "sometimes").length;
    expect(Math.max(...witnesses.map(({ met, unmet }) => met.size + unmet.size))).toBe(sometimes);
  });

  it("draws only operations of the mask", () => {
    const { coverage } = runCampaign(options({ mask: ["mmap", "cpu_write", "snapshot"] }));
    expect(new Set(coverage.seen().map(({ operation }) => operation))).toEqual(new Set(["mmap", "cpu_write", "snapshot"]));
  });

  it("takes a fixed scope as it is", () => {
    const scope = {
      switches: {},
      config: { pages: 2, page_bytes: 4096, devices: [{ kind: "private" }] },
      bounds: { deviceFrames: 1, physicalPages: 0 },
      limits: { tasks_max: 2, actors_max: 1 },
    } as const;
    const drawn = caseOf(options({ fixed: scope, mask: ["mmap", "open"] }), 3);
    expect(drawn).toMatchObject({ ...scope, mask: ["mmap", "open"] });
    expect(drawn).not.toEqual(caseOf(options({ fixed: scope, mask: ["mmap", "open"] }), 6));
  });
});

describe("a failure of a campaign", () => {
  it("ends it, with a minimal run that replays from its schedule", () => {
    const make = subjectFactory("model", { rules: DEAF });
    const { failure, runs } = runCampaign(options({ make, runs_max: 100 }));
    if (failure === null || failure.minimal === null) throw new Error("no failure");
    expect(runs).toBe(failure.run + 1);
    expect(failure.failure.kind).toBe("property");
    expect(failure.minimal.failure.id).toBe(failure.failure.id);
    expect(failure.minimal.cost.operations).toBeLessThanOrEqual(4);
    const lines = writeSchedule(scheduleOf(failure, 5, "B10"))
      .trimEnd()
      .split("\n");
    const reader = scheduleReader();
    const read = lines.map((line, i) => reader.next(line, i + 1));
    const [head] = read;
    if (head?.kind !== "header") throw new Error("no header");
    expect(head.header).toMatchObject({ property: failure.failure.id, mutant: "B10", profile: failure.testCase.core });
    const { profile: core, driver, config, bounds, switches = {} } = head.header;
    const bench = benchOf(make(setupOf({ core, driver, switches, config, bounds })), PROPERTIES);
    const actions = read.flatMap((line) => (line.kind === "action" ? [line.action.action] : []));
    expect(symbolise(bench, actions).failure).toEqual(failure.minimal.failure);
  });

  it("is found where two systems differ", () => {
    const { failure } = runCampaign(options({ make: subjectFactory("lockstep", { rules: DEAF }), runs_max: 100 }));
    expect(failure?.failure).toMatchObject({ kind: "refines", id: "refines" });
    expect(failure?.minimal?.failure.id).toBe("refines");
  });

  it("is found where two systems do not agree what is enabled", () => {
    const make: SubjectFactory = (setup) => {
      const both = subjectFactory("lockstep", {
        impl: (other) => {
          const { system } = subjectFactory("model")(other);
          return { ...system, view: system.view, refusal: (action) => (action.type === "pin" ? null : system.refusal(action)) };
        },
      })(setup);
      return both;
    };
    const { failure } = runCampaign(options({ make, mask: ["mmap", "cpu_write", "pin"], runs_max: 100 }));
    expect(failure?.failure.text).toContain("refusal");
    expect(failure?.minimal?.actions).toEqual([{ type: "pin", pfn: 0 }]);
  });

  it("that a system throws is our bug, with the run that leads to it", () => {
    const { failure } = runCampaign(options({ make: throwing(30, () => new RangeError("page 7")), runs_max: 5 }));
    expect(failure?.failure).toMatchObject({ kind: "exception", id: "exception: RangeError: page #", text: "RangeError: page 7" });
    expect(failure?.minimal?.cost.steps).toBe(30);
  });

  it("on one side alone is minimised there, and shown on both", () => {
    let made = 0;
    const alone: SubjectFactory = (setup) => {
      made++;
      return subjectFactory("model", { rules: DEAF })(setup);
    };
    const { failure } = runCampaign(options({ make: subjectFactory("model", { rules: DEAF }), alone, runs_max: 100 }));
    expect(made).toBeGreaterThan(10);
    expect(failure?.minimal?.runs).toBeGreaterThan(10);
  });
});

describe("a run without a verdict", () => {
  it("is counted where a table was full, and the campaign goes on", () => {
    const state = runCampaign(options({ make: throwing(30, () => new Full("slots")), runs_max: 5 }));
    expect(state.failure).toBeNull();
    expect(state.runs).toBe(5);
    expect(state.inconclusive.full).toBeGreaterThan(0);
  });
});

describe("known defects", () => {
  it("are findings, each once with a minimal run, and no failure", () => {
    const { failure, findings } = runCampaign(options({ profiles: DMIRROR, runs_max: 12, minimise: { runs_max: 25, states_max: 0 } }));
    expect(failure).toBeNull();
    expect(findings.length).toBeGreaterThan(2);
    expect(new Set(findings.map(({ finding }) => findingId(finding))).size).toBe(findings.length);
    for (const { finding, minimal, profiles } of findings) {
      expect(finding.spec.length).toBeGreaterThan(0);
      expect(profiles.length).toBeGreaterThan(0);
      expect(minimal?.failure).toMatchObject({ kind: "finding", id: findingId(finding) });
    }
  });
});

describe("a drawn test case", () => {
  it("has a mapping, and coherent devices only where the core knows them", () => {
    for (let run = 0; run < 300; run++) {
      for (const name of PROFILE_NAMES) {
        const { mask, config, bounds, limits } = drawCase(name, runStream(9, run), OPERATIONS, false);
        expect(mask).toContain("mmap");
        if (name.core === "v14") expect(config.devices.map(({ kind }) => kind)).not.toContain("coherent");
        expect(bounds.deviceFrames).toBeDefined();
        expect(bounds.physicalPages).toBeDefined();
        expect(limits.tasks_max).toBeGreaterThan(0);
      }
    }
  });

  it("draws every operation, and many masks", () => {
    const masks = Array.from(
      { length: 200 },
      (_, run) => drawCase({ core: "v14", driver: "ideal" }, runStream(1, run), OPERATIONS, false).mask,
    );
    const linux = Array.from(
      { length: 200 },
      (_, run) => drawCase({ core: "linux-6.1", driver: "ideal" }, runStream(1, run), OPERATIONS, false).mask,
    );
    expect(new Set([...masks, ...linux].flat()).size).toBe(OPERATIONS.length);
    expect(new Set(masks.map(String)).size).toBeGreaterThan(150);
  });
});
